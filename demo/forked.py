"""Runs `manage.py` commands in processes forked from one that has imported what they need.

A command's imports take two seconds of a core, more than all else that a consumer of the demo does.
"""

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

import django
from django.core.management import CommandError, call_command

# A process forked without exec may crash in the system's libraries on macOS.
_CONTEXT: ForkServerContext | SpawnContext = (
    multiprocessing.get_context("forkserver") if sys.platform == "linux" else multiprocessing.get_context("spawn")
)
_CONTEXT.set_forkserver_preload(["demo.preloaded"])
_UNKNOWN = 255  # the exit status of a process, which may be running, once the one that it was forked from has died


class ForkedCommand:
    """A running `manage.py command`, with `subprocess.Popen`'s methods. The first one in a process settles the
    environment of all."""

    def __init__(self, command: str, arguments: tuple[str, ...], log: Path) -> None:
        self._process = _CONTEXT.Process(target=_run, name=command, args=(command, arguments, log))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        """Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if timeout is not None and self.poll() is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() in (None, _UNKNOWN) and self._process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, number)


def _run(command: str, arguments: tuple[str, ...], log: Path) -> None:
    os.setsid()  # Ctrl-C in the terminal reaches only the demo, which then stops its children in order
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    django.setup()  # for a process that is not forked
    try:
        call_command(command, *arguments)  # without the system checks, which the demo has run
    except CommandError as error:
        sys.exit(f"CommandError: {error}")  # as manage.py prints it
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out

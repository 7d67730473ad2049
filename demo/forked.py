"""Runs `manage.py` commands in processes forked from a process that has imported their modules.

A command's imports take two seconds of a core, more than the rest of a demo consumer's work.
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
_UNKNOWN = 255  # the exit status, also of a running process, once the process that forked it has died


class ForkedCommand:
    """A running `manage.py command` with the methods of `subprocess.Popen`. The first one in a process determines the
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
        sys.exit(f"CommandError: {error}")  # in the format of manage.py
    finally:
        atexit._run_exitfuncs()  # multiprocessing does not run them

"""Runs `manage.py` commands in processes forked from one that has imported what they need.

A command's imports take two seconds of a core, more than all else that a consumer of the demo does.
"""

import atexit
import multiprocessing
import os
import subprocess
import sys
from multiprocessing.context import ForkServerContext, SpawnContext
from pathlib import Path

import django
from django.core.management import call_command

# A process forked without exec may crash in the system's libraries on macOS.
_CONTEXT: ForkServerContext | SpawnContext = (
    multiprocessing.get_context("forkserver") if sys.platform == "linux" else multiprocessing.get_context("spawn")
)
_CONTEXT.set_forkserver_preload(["demo.preloaded"])


class ForkedCommand:
    """A running `manage.py command`, with `subprocess.Popen`'s methods. The first one in a process settles the
    environment of all."""

    def __init__(self, command: str, arguments: tuple[str, ...], log: Path) -> None:
        self._process = _CONTEXT.Process(target=_run, args=(command, arguments, log))
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> None:
        """Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        if timeout is not None and self.poll() is None:
            raise subprocess.TimeoutExpired(self._process.name, timeout)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()


def _run(command: str, arguments: tuple[str, ...], log: Path) -> None:
    os.setsid()  # Ctrl-C in the terminal reaches only the demo, which then stops its children in order
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    django.setup()  # for a process that is not forked
    try:
        call_command(command, *arguments)  # without the system checks, which the demo has run
    finally:
        atexit._run_exitfuncs()  # which multiprocessing leaves out

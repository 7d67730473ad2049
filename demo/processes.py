"""The demo's child processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from django.conf import settings

_STOP_SECONDS = 15


class Processes:
    """Child processes, each with a log file in `.local/logs`, stopped in reverse order at the end of the block.

    `restart_killed` restarts processes that were killed, like a container's restart policy.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._commands: dict[str, tuple[str, ...]] = {}
        self._environments: dict[str, dict[str, str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A second Ctrl-C would raise here and leave the remaining processes running.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for name in reversed(list(self._running)):
                self.stop(name)
        finally:
            signal.signal(signal.SIGINT, previous)

    def manage(self, command: str, *arguments: str) -> None:
        """Start `manage.py command`."""
        self.start(command, sys.executable, str(settings.BASE_DIR / "manage.py"), command, *arguments)

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        log_path(name).parent.mkdir(parents=True, exist_ok=True)
        log_path(name).unlink(missing_ok=True)
        self._commands[name] = command
        self._environments[name] = self._environment | (environment or {})
        self._spawn(name)

    def _spawn(self, name: str) -> None:
        with log_path(name).open("ab") as log:
            # Own session: Ctrl-C in the terminal reaches only the demo, which then stops its children in order.
            self._running[name] = subprocess.Popen(
                self._commands[name],
                env=self._environments[name],
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart_killed(self) -> None:
        for name, process in list(self._running.items()):
            if (process.poll() or 0) < 0:  # killed by a signal
                self._spawn(name)

    def exited(self) -> list[str]:
        """Names of the processes that have exited; the log of each has the reason."""
        return [name for name, process in self._running.items() if process.poll() is not None]


def log_path(name: str) -> Path:
    path: Path = settings.LOCAL_DIR / "logs" / f"{name}.log"
    return path

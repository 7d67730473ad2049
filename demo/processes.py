"""The demo's child processes: started together, stopped together."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from django.conf import settings

_PATIENCE_SECONDS = 15


class Processes:
    """Child processes with a log file each in `.local/logs`, stopped in reverse order when the block ends.

    Each is supervised as a container's restart policy would: one that was killed is started again.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = {**os.environ, **environment}
        self._commands: dict[str, tuple[str, ...]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Python's own reaction to a second Ctrl-C would leave the rest running.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for name in reversed(list(self._running)):
                self.stop(name)
        finally:
            signal.signal(signal.SIGINT, before)

    def manage(self, command: str, *arguments: str) -> None:
        """Start `manage.py command`."""
        self.start(command, sys.executable, str(settings.BASE_DIR / "manage.py"), command, *arguments)

    def start(self, name: str, *command: str) -> None:
        log_path(name).parent.mkdir(parents=True, exist_ok=True)
        log_path(name).unlink(missing_ok=True)
        self._commands[name] = command
        self._spawn(name)

    def _spawn(self, name: str) -> None:
        with log_path(name).open("ab") as log:
            # A group of its own: Ctrl-C in the terminal is for the demo, which then ends its children in order.
            self._running[name] = subprocess.Popen(
                self._commands[name],
                env=self._environment,
                cwd=settings.BASE_DIR,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str) -> None:
        process = self._running.pop(name)
        process.terminate()
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def restart_killed(self) -> None:
        for name, process in list(self._running.items()):
            if (process.poll() or 0) < 0:  # ended by a signal
                self._spawn(name)

    def ended(self) -> list[str]:
        """Names of the processes that have ended by themselves; each one's log says why."""
        return [name for name, process in self._running.items() if process.poll() is not None]


def log_path(name: str) -> Path:
    path: Path = settings.LOCAL_DIR / "logs" / f"{name}.log"
    return path

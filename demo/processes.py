"""The demo's child processes."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

from django.conf import settings

from .forked import ForkedCommand

_STOP_SECONDS = 15

Process = subprocess.Popen[bytes] | ForkedCommand


class Processes:
    """Child processes, each with a log file in `.local/logs`. They are stopped at the end of the block: first the one
    that was started last, then the others, and last the one that was started first, which the others need.

    `environment` is added to this process's environment. `restart_killed` restarts processes that were killed, like a
    container's restart policy.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        os.environ.update(environment)
        self._starts: dict[str, Callable[[], Process]] = {}
        self._running: dict[str, Process] = {}

    def __enter__(self) -> "Processes":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _deferred_signals():  # a second signal would leave the remaining processes running
            names = list(self._running)
            for together in (names[1:][-1:], names[1:-1], names[:1]):
                self._stop(together)

    def manage(self, command: str, *arguments: str) -> None:
        """Start `manage.py command`."""
        self._add(command, lambda: ForkedCommand(command, arguments, log_path(command)))

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        self._add(name, lambda: _spawn(log_path(name), command, os.environ | (environment or {})))

    def _add(self, name: str, start: Callable[[], Process]) -> None:
        log_path(name).parent.mkdir(parents=True, exist_ok=True)
        log_path(name).unlink(missing_ok=True)
        self._starts[name] = start
        with _interrupted_at_end():
            self._running[name] = start()

    def _stop(self, names: list[str]) -> None:
        stopped = [self._running.pop(name) for name in names]
        for process in stopped:
            process.terminate()
        for process in stopped:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def restart_killed(self) -> None:
        for name, process in list(self._running.items()):
            if (process.poll() or 0) < 0:  # killed by a signal
                with _interrupted_at_end():
                    self._running[name] = self._starts[name]()

    def exited(self) -> list[str]:
        """Names of the processes that have exited; each log contains the reason."""
        return [name for name, process in self._running.items() if process.poll() is not None]


@contextmanager
def _deferred_signals() -> Iterator[list[int]]:
    """In this block, SIGINT and SIGTERM are only added to the list."""
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)

    previous = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _interrupted_at_end() -> Iterator[None]:
    """Raises KeyboardInterrupt at the end of the block if SIGINT or SIGTERM arrived in it: during a start, the new
    process would not be registered yet."""
    came: list[int] = []
    try:
        with _deferred_signals() as came:
            yield
    finally:
        if came:
            raise KeyboardInterrupt


def _spawn(log: Path, command: tuple[str, ...], environment: dict[str, str]) -> Process:
    with log.open("ab") as file:
        # Own session: Ctrl-C in the terminal reaches only the demo, which then stops its children in order.
        return subprocess.Popen(
            command, env=environment, cwd=settings.BASE_DIR, stdout=file, stderr=file, start_new_session=True
        )


def log_path(name: str) -> Path:
    path: Path = settings.LOCAL_DIR / "logs" / f"{name}.log"
    return path

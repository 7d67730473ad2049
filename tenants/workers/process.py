"""A worker process, from both its sides. It is spawned: it inherits no connection, and sees the settings as its parent
does, also where those were changed since they were read."""

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

import django
from django.conf import global_settings, settings

from .task import Done, attempt

GRACE_SECONDS = 5.0  # for what a worker is at when it is to end, as on Ctrl-C
NO_TASK: Any = object()


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker takes tasks."""


@dataclass(frozen=True, slots=True)
class Told:
    message: Any


class Worker:
    """The parent's side: the process, what it is at, and since when."""

    def __init__(self, pickled_work: bytes) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, _changed_settings(), pickled_work))
        self.process.start()
        theirs.close()  # or the pipe would not end with the process
        self.is_ready = False
        self.task: Any = NO_TASK
        self.since = 0.0

    def take(self, task: Any) -> None:
        self.task, self.since = task, time.perf_counter()
        with suppress(OSError):  # it has just died, as the end of the pipe will say
            self.pipe.send(task)

    def bury(self) -> Done[Any, Any]:
        """What to say of the task of a process that has ended by itself."""
        self.pipe.close()
        self.process.join()
        status = self.process.exitcode or 0
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return Done(self.task, None, f"ProcessEnded: its worker process {how}", time.perf_counter() - self.since)

    def end(self) -> None:
        """Wait until the process, whose pipe is closed, has ended; then make it."""
        self.process.join(GRACE_SECONDS)
        for stop in (self.process.terminate, self.process.kill):
            if self.process.is_alive():
                stop()
                self.process.join(GRACE_SECONDS)


def _serve(pipe: "Connection[Any, Any]", changed_settings: dict[str, Any], pickled_work: bytes) -> None:
    """The process's side: does the tasks that come through the pipe until that ends, be it by the parent's death."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent decides
    for name, value in changed_settings.items():
        setattr(settings, name, value)
    django.setup()
    open_work = pickle.loads(pickled_work)  # noqa: S301 (our own; it may name models, so only now)

    def send(message: object) -> None:
        with suppress(BrokenPipeError):
            pipe.send(message)

    with open_work(lambda message: send(Told(message))) as work:
        send(Ready())
        for task in _received(pipe):
            send(attempt(work, task))


def _received(pipe: "Connection[Any, Any]") -> Iterator[Any]:
    with suppress(EOFError, ConnectionResetError):
        while True:
            yield pipe.recv()


def _changed_settings() -> dict[str, Any]:
    """The settings that a new process would not find by itself: tests and benchmarks change some at run time."""
    read = import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    names = [name for name in dir(settings) if name.isupper() and name != "DATABASES"]
    originals = {name: getattr(read, name, getattr(global_settings, name, NO_TASK)) for name in names}
    changed = {name: getattr(settings, name) for name in names if getattr(settings, name) != originals[name]}
    return {**changed, "DATABASES": settings.DATABASES}  # which is changed in place, so that it equals itself

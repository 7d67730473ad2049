"""A worker process, and the parent's side of it. The process is spawned: it inherits no connection, and gets the
parent's settings, including those changed at run time."""

import multiprocessing
import os
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

from .task import OpenWork, TaskResult, run_task

GRACE_SECONDS = 5.0  # for the running task before the process is terminated, as on Ctrl-C
NO_TASK: Any = object()


@dataclass(frozen=True, slots=True)
class WorkerReady:
    """The worker accepts tasks."""


@dataclass(frozen=True, slots=True)
class Notification:
    message: Any


class WorkerProcess:
    """The parent's side: the process, its running task, and the task's start."""

    def __init__(self, open_work: OpenWork[Any, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, _changed_settings()))
        self.process.start()
        theirs.close()  # else the pipe would not end with the process
        self._send(open_work)
        self.is_ready = False
        self.task: Any = NO_TASK
        self.started = 0.0

    def start_task(self, task: Any) -> None:
        self.task, self.started = task, time.perf_counter()
        self._send(task)

    def failed_task(self) -> TaskResult[Any, Any]:
        """The failure of the running task, after the process has died."""
        self.pipe.close()
        self.process.join()
        status = self.process.exitcode or 0
        how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        error = f"ProcessEnded: the worker process {how}"
        return TaskResult(self.task, None, error, time.perf_counter() - self.started)

    def stop(self) -> None:
        """Wait for the process, whose pipe is closed, to end; then terminate it, then kill it."""
        self.process.join(GRACE_SECONDS)
        for stop in (self.process.terminate, self.process.kill):
            if self.process.is_alive():
                stop()
                self.process.join(GRACE_SECONDS)

    def _send(self, message: Any) -> None:
        with suppress(OSError):  # the process has just died: the pool notices at the pipe's end
            self.pipe.send(message)


def _serve(pipe: "Connection[Any, Any]", changed_settings: dict[str, Any]) -> None:
    """The process's side: runs tasks from the pipe until the pipe ends, at the latest with the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the parent handles it
    for name, value in changed_settings.items():
        setattr(settings, name, value)
    django.setup()
    open_work: OpenWork[Any, Any] = pipe.recv()  # only now: unpickling it may import models

    def send(message: object) -> None:
        with suppress(BrokenPipeError):
            pipe.send(message)

    with open_work(lambda message: send(Notification(message))) as work:
        send(WorkerReady())
        for task in _received(pipe):
            send(run_task(work, task))


def _received(pipe: "Connection[Any, Any]") -> Iterator[Any]:
    with suppress(EOFError, ConnectionResetError):
        while True:
            yield pipe.recv()


def _changed_settings() -> dict[str, Any]:
    """The settings that differ from the settings module's: tests and benchmarks change some at run time."""
    module = import_module(os.environ["DJANGO_SETTINGS_MODULE"])
    names = [name for name in dir(settings) if name.isupper() and name != "DATABASES"]
    originals = {name: getattr(module, name, getattr(global_settings, name, NO_TASK)) for name in names}
    changed = {name: getattr(settings, name) for name in names if getattr(settings, name) != originals[name]}
    return {**changed, "DATABASES": settings.DATABASES}  # changed in place, so that it always equals its original

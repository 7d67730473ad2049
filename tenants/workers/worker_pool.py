"""A pool of worker processes. Each has its own pipe, so that a killed process harms no other."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

from tenants.errors import WorkersFailed

from .process import NO_TASK, Notification, WorkerProcess
from .task import Notify, OpenWork, Result, Task, TaskResult, run_task

RunTasks = Callable[[Iterable[Task]], Iterator[TaskResult[Task, Result]]]


@contextmanager
def workers(open_work: OpenWork[Task, Result], *, jobs: int, on_message: Notify) -> Iterator[RunTasks[Task, Result]]:
    """A function that runs tasks in `jobs` processes (1: in this one) and yields each result as soon as it is complete.

    It takes the next task only when the last result is consumed, so that the caller's iterable can stop in time. An
    exception, or the death of a process, fails its own task only. `open_work`, tasks, results and messages are pickled.
    Raises WorkersFailed if no process starts.
    """
    if jobs > 1:
        with WorkerPool(open_work, jobs, on_message) as pool:
            yield pool.run
    else:
        with open_work(on_message) as work:
            yield lambda tasks: (run_task(work, task) for task in tasks)


class WorkerPool:
    """Gives each idle process the next task; replaces a process that dies."""

    def __init__(self, open_work: OpenWork[Any, Any], jobs: int, on_message: Notify) -> None:
        self._open_work = open_work
        self._jobs = jobs
        self._on_message = on_message
        self._workers: list[WorkerProcess] = []

    def __enter__(self) -> "WorkerPool":
        self._workers = [WorkerProcess(self._open_work) for _ in range(self._jobs)]
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.stop()

    def run(self, tasks: Iterable[Task]) -> Iterator[TaskResult[Task, Any]]:
        """The tasks' results, in the order in which they finish. Raises WorkersFailed."""
        waiting = iter(tasks)
        has_more = True
        while True:
            has_more = has_more and self._start_tasks(waiting)
            if not has_more and all(worker.task is NO_TASK for worker in self._workers):
                return
            for pipe in wait([worker.pipe for worker in self._workers]):
                yield from self._receive(next(worker for worker in self._workers if worker.pipe is pipe))

    def _start_tasks(self, waiting: Iterator[Any]) -> bool:
        """Give each idle worker a task. Returns whether more tasks may follow."""
        for worker in self._workers:
            if worker.is_ready and worker.task is NO_TASK:
                task = next(waiting, NO_TASK)
                if task is NO_TASK:
                    return False
                worker.start_task(task)
        return True

    def _receive(self, worker: WorkerProcess) -> Iterator[TaskResult[Any, Any]]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._replace(worker)
            return
        if isinstance(message, TaskResult):
            worker.task = NO_TASK
            yield message
        elif isinstance(message, Notification):
            self._on_message(message.message)
        else:
            worker.is_ready = True

    def _replace(self, worker: WorkerProcess) -> Iterator[TaskResult[Any, Any]]:
        self._workers.remove(worker)
        failure = worker.failed_task()
        if worker.is_ready:  # if a process can't start, the next one can't either
            self._workers.append(WorkerProcess(self._open_work))
        if worker.task is not NO_TASK:
            yield failure
        if not self._workers:
            raise WorkersFailed("No worker process starts: see its error output, or use --jobs 1.")

"""Several worker processes, and which of them does what."""

import pickle
from collections.abc import Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from tenants.errors import WorkersFailed

from .process import NO_TASK, Told, Worker
from .task import Done, OpenWork, Task, Tell


class Pool:
    """Gives each idle process the next task; a process that ends suddenly is replaced, its task has failed."""

    def __init__(self, open_work: OpenWork[Any, Any], jobs: int, listen: Tell) -> None:
        self._pickled_work = pickle.dumps(open_work)
        self._jobs = jobs
        self._listen = listen
        self._workers: list[Worker] = []

    def __enter__(self) -> "Pool":
        self._workers = [Worker(self._pickled_work) for _ in range(self._jobs)]
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.end()

    def run(self, tasks: Iterable[Task]) -> Iterator[Done[Task, Any]]:
        """The tasks' outcomes, in the order in which they are done. Raises WorkersFailed."""
        waiting = iter(tasks)
        has_more = True
        while True:
            has_more = has_more and self._hand_out(waiting)
            if not has_more and all(worker.task is NO_TASK for worker in self._workers):
                return
            for pipe in wait([worker.pipe for worker in self._workers]):
                yield from self._hear(next(worker for worker in self._workers if worker.pipe is pipe))

    def _hand_out(self, waiting: Iterator[Any]) -> bool:
        """Give each idle worker a task; whether there may be more."""
        for worker in self._workers:
            if worker.is_ready and worker.task is NO_TASK:
                task = next(waiting, NO_TASK)
                if task is NO_TASK:
                    return False
                worker.take(task)
        return True

    def _hear(self, worker: Worker) -> Iterator[Done[Any, Any]]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._replace(worker)
            return
        if isinstance(message, Done):
            worker.task = NO_TASK
            yield message
        elif isinstance(message, Told):
            self._listen(message.message)
        else:
            worker.is_ready = True

    def _replace(self, worker: Worker) -> Iterator[Done[Any, Any]]:
        self._workers.remove(worker)
        end = worker.bury()
        if worker.is_ready:  # one that could not start would not start the next time either
            self._workers.append(Worker(self._pickled_work))
        if worker.task is not NO_TASK:
            yield end
        if not self._workers:
            raise WorkersFailed("No worker process starts; what it wrote says why, and --jobs 1 does without.")

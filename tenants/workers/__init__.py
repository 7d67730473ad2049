"""Does one thing for many casinos: in this process, or in several, of which each may crash without harm to the others.

No module of this package imports models: a worker process reads it before Django is set up there.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from .pool import Pool
from .task import Done, OpenWork, Result, Task, Tell, attempt, describe

__all__ = ["Done", "OpenWork", "Run", "Tell", "describe", "workers"]

Run = Callable[[Iterable[Task]], Iterator[Done[Task, Result]]]


@contextmanager
def workers(open_work: OpenWork[Task, Result], *, jobs: int, listen: Tell) -> Iterator[Run[Task, Result]]:
    """A function that works tasks off in `jobs` processes (1: in this one) and answers each when it is done.

    It takes the next task only when the last answer has been looked at, so that who gives the tasks can stop in time.
    An exception fails its task alone; so does the sudden end of a process. `open_work`, tasks, results and what is told
    to `listen` are pickled. Raises WorkersFailed if no process starts.
    """
    if jobs > 1:
        with Pool(open_work, jobs, listen) as pool:
            yield pool.run
    else:
        with open_work(listen) as work:
            yield lambda tasks: (attempt(work, task) for task in tasks)

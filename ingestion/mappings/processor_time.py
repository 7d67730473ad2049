"""A bound of the processor's time that a thread may use: on a busy machine, waiting for it does not count."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf

from .errors import UnreadableDocument


class ProcessorTime:
    """The time from now on. Reading a thread's time is a slow system call, so it is read only where the clock, which is
    quick, says that the bound may be reached."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._used_before = inf if seconds == inf else time.thread_time()
        self._next_check = time.monotonic() + seconds

    @property
    def used(self) -> float:
        return time.thread_time() - self._used_before

    def is_over(self) -> bool:
        now = time.monotonic()
        if now < self._next_check:
            return False
        left = self.seconds - self.used
        self._next_check = now + left
        return left < 0


_BOUND = ContextVar[ProcessorTime | None]("bound of a document's processor time", default=None)


@contextmanager
def within(bound: ProcessorTime) -> Iterator[None]:
    """Make it the bound that `require_time` looks at."""
    token = _BOUND.set(bound)
    try:
        yield
    finally:
        _BOUND.reset(token)


def require_time() -> None:
    """Raises UnreadableDocument if the time is over, in which a document must be mapped. To call in each loop whose
    length a document decides."""
    bound = _BOUND.get()
    if bound is not None and bound.is_over():
        raise UnreadableDocument("too_large", f"the mapping takes longer than {bound.seconds:g} s for the document")

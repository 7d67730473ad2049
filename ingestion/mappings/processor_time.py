"""A limit of a thread's processor time. On a busy machine, the time of waiting for the processor does not count."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf

from .errors import UnreadableDocument


class ProcessorTime:
    """The processor time from now on. Reading it is a slow system call, so it is read only if the quick clock shows
    that the limit may be reached."""

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
    """Set the limit that `require_time` checks inside the block."""
    token = _BOUND.set(bound)
    try:
        yield
    finally:
        _BOUND.reset(token)


def require_time() -> None:
    """Raises UnreadableDocument if the processor time for mapping the document is over. Each loop whose length depends
    on the document must call this."""
    bound = _BOUND.get()
    if bound is not None and bound.is_over():
        raise UnreadableDocument("too_large", f"the mapping takes longer than {bound.seconds:g} s for the document")

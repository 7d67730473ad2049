"""A bound of the processor's time that a thread may use: on a busy machine, waiting for it does not count."""

import time
from math import inf


class ProcessorTime:
    """The time from now on. Reading a thread's time is a slow system call, so it is read only where the clock, which is
    quick, says that the bound may be reached."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._used_before = inf if seconds == inf else time.thread_time()
        self._next_check = time.monotonic() + seconds

    @property
    def used(self) -> float:
        return time.thread_time() - self._used_before

    def is_over(self) -> bool:
        now = time.monotonic()
        if now < self._next_check:
            return False
        left = self._seconds - self.used
        self._next_check = now + left
        return left < 0

"""Turns of batches: of a process's batches, one computes at a time.

Computing holds the interpreter lock. Each computing thread delays every other thread after each database response and
each switch of threads: with four batches at once, a request for one user took twelve times as long as alone, with one
batch twice as long. Batches that compute at the same time are not faster either.
"""

import threading
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from typing import TypeVar

from tenants.process_state import register

USERS_OF_TURN = 20  # some 20 ms
WAIT_SECONDS = 1.0

Item = TypeVar("Item")


class BatchTurns:
    """Threads take turns in the order of their requests. A thread that has waited `wait_seconds` continues without
    turns: a batch whose database hangs during its turn delays others by no more than that."""

    def __init__(self, wait_seconds: float = WAIT_SECONDS) -> None:
        self._wait_seconds = wait_seconds
        self.reset()

    def reset(self) -> None:
        self._guard = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Event] = deque()

    def parts(self, items: Sequence[Item]) -> AbstractContextManager[Iterable[Sequence[Item]]]:
        """Yield the items in parts of `USERS_OF_TURN`, each in a turn, which ends with the block at the latest. A
        single item needs no turn."""
        return nullcontext((items,)) if len(items) <= 1 else closing(self._parts(items))

    def _parts(self, items: Sequence[Item]) -> Generator[Sequence[Item], None, None]:
        has_turn = True
        for begin in range(0, len(items), USERS_OF_TURN):
            has_turn = has_turn and self._take()
            try:
                yield items[begin : begin + USERS_OF_TURN]
            finally:
                if has_turn:
                    self._release()

    def _take(self) -> bool:
        with self._guard:
            if not self._is_taken:
                self._is_taken = True
                return True
            turn = threading.Event()
            self._waiting.append(turn)
        if turn.wait(self._wait_seconds):
            return True
        with self._guard:
            if turn.is_set():  # the turn came just after the timeout
                return True
            self._waiting.remove(turn)
            return False

    def _release(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


batch_turns = BatchTurns()
register("turns of batches", reset=batch_turns.reset)

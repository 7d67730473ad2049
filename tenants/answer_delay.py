"""Answers that are sent later than they are ready: their request then occupies no thread meanwhile."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class AnswerDelay:
    """The earliest time at which a request's answer may be sent, in monotonic seconds; 0: at once."""

    send_at: float = 0.0


_CURRENT: ContextVar[AnswerDelay | None] = ContextVar("answer_delay", default=None)


@contextmanager
def answer_delay() -> Iterator[AnswerDelay]:
    """For a server that runs one request in this block, and keeps its answer until `send_at`."""
    delay = AnswerDelay()
    token = _CURRENT.set(delay)
    try:
        yield delay
    finally:
        _CURRENT.reset(token)


def answer_after(seconds: float) -> None:
    """Have the current request answered in `seconds` at the earliest. Where no server can delay an answer, as in a
    command, this waits instead."""
    delay = _CURRENT.get()
    if delay is None:
        time.sleep(seconds)
    else:
        delay.send_at = max(delay.send_at, time.monotonic() + seconds)

"""Delayed responses: a response is sent later than it is ready, and occupies no thread meanwhile."""

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
    """Yield the delay of the request that runs in the block. The server must keep its response until `send_at`."""
    delay = AnswerDelay()
    token = _CURRENT.set(delay)
    try:
        yield delay
    finally:
        _CURRENT.reset(token)


def answer_after(seconds: float) -> None:
    """Send the current request's response in `seconds` at the earliest. Where no server can delay a response, as in a
    command, this call waits instead."""
    delay = _CURRENT.get()
    if delay is None:
        time.sleep(seconds)
    else:
        delay.send_at = max(delay.send_at, time.monotonic() + seconds)

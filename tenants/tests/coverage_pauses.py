"""Where coverage looks away. While it traces, all Python code takes up to twice the time, also that which it does not
measure: pytest's, and Django's while a test's databases are made ready.

Only the calling thread is paused. What may import our modules for the first time must not be: their lines would be
missing.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_paused: list[Any] = []  # the tracers that `pause` took off, the innermost last


@contextmanager
def pause() -> Iterator[None]:
    tracer = sys.gettrace()
    _paused.append(tracer)
    sys.settrace(None)
    try:
        yield
    finally:
        _paused.pop()
        sys.settrace(tracer)


@contextmanager
def tracing() -> Iterator[None]:
    """Within `pause`: trace as before it."""
    tracer = sys.gettrace()
    begin_tracing()
    try:
        yield
    finally:
        sys.settrace(tracer)


def begin_tracing() -> None:
    if _paused:
        sys.settrace(_paused[-1])


def end_tracing() -> None:
    if _paused:
        sys.settrace(None)

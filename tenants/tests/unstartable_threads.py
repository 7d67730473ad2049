"""A process that can start no further thread, as one without memory or at the limit of its threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STACK_BYTES = 1 << 46  # more than the system gives


@contextmanager
def no_new_threads() -> Iterator[None]:
    usual = threading.stack_size(_STACK_BYTES)
    try:
        yield
    finally:
        threading.stack_size(usual)

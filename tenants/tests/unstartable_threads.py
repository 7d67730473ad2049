"""A process that can't start another thread, like one without memory or at its limit of threads."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_STACK_BYTES = 1 << 46  # more than the system has


@contextmanager
def no_new_threads() -> Iterator[None]:
    usual = threading.stack_size(_STACK_BYTES)
    try:
        yield
    finally:
        threading.stack_size(usual)

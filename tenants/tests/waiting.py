"""Waits for other processes and threads."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0  # on a machine that is busy with other things


def wait_until(
    is_done: Callable[[], object], seconds: float = PATIENCE_SECONDS, *, else_say: str = "waited in vain"
) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, else_say
        time.sleep(0.02)  # what is waited for needs the processor too

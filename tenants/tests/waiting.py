"""Waits for other processes and threads, and requires that others do not wait."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120.0  # seconds, enough for a busy machine


def wait_until(
    is_done: Callable[[], object], seconds: float = PATIENCE_SECONDS, *, else_say: str = "waited in vain"
) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, else_say
        time.sleep(0.02)  # a pause: the awaited process needs the processor too


def require_quick(run: Callable[[], object], seconds: float, *, attempts: int = 5) -> None:
    """Call `run` until it takes less than `seconds`. A run that waits does so each time, but a busy machine delays a
    process only at times."""
    took = list[float]()
    while not took or took[-1] >= seconds:
        assert len(took) < attempts, f"took {took} s, not less than {seconds} s"
        began = time.monotonic()
        run()
        took.append(time.monotonic() - began)

"""Waits for other processes and threads, and requires that others do not wait."""

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


def require_quick(run: Callable[[], object], seconds: float, *, attempts: int = 5) -> None:
    """Call `run` until it takes less than `seconds`: what waits does so each time, but a busy machine stops a process
    only now and then."""
    took = list[float]()
    while not took or took[-1] >= seconds:
        assert len(took) < attempts, f"took {took} s, not less than {seconds} s"
        began = time.monotonic()
        run()
        took.append(time.monotonic() - began)

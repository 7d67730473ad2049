"""Python's garbage collector in a process that serves."""

import gc

_THRESHOLDS = 10_000, 20, 20


def settle() -> None:
    """Once all that the process needs is loaded: what is there now stays for good, so that no collection looks through
    it again. With it each thorough one takes 20 ms and more, in the middle of somebody's request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)

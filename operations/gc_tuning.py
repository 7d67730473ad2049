"""Python's garbage collector in a process that serves requests."""

import gc

_THRESHOLDS = 10_000, 20, 20


def freeze() -> None:
    """Exclude all existing objects from collections, which would otherwise add 20 ms and more to a request. Call it
    after all imports."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)

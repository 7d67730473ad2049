"""Python's garbage collector in the service's processes."""

import gc

_THRESHOLDS = 10_000, 20, 20


def collect_rarely() -> None:
    """Called before the imports, this saves a process a tenth of its start: what they make is no garbage."""
    gc.set_threshold(*_THRESHOLDS)


def freeze() -> None:
    """Exclude all existing objects from collections, which would otherwise add 20 ms and more to a request. Call it
    after all imports."""
    gc.collect()
    gc.freeze()
    collect_rarely()

"""Settings of Python's garbage collector in the service's processes."""

import gc

_THRESHOLDS = 10_000, 20, 20


def collect_rarely() -> None:
    """Collect rarely. Called before the imports, it saves a tenth of a process's start: imports create no garbage."""
    gc.set_threshold(*_THRESHOLDS)


def freeze() -> None:
    """Exclude all existing objects from collections, which would otherwise add 20 ms and more to a request. Call it
    after all imports."""
    gc.collect()
    gc.freeze()
    collect_rarely()

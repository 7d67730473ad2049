"""How much memory stays after an action."""

import tracemalloc
from collections.abc import Callable


def least_kept(action: Callable[[int], object]) -> int:
    """The least number of bytes that stay after one of three runs, which are given their number: what other threads
    keep is traced, too."""
    return min(_kept(action, number) for number in range(1, 4))


def _kept(action: Callable[[int], object], number: int) -> int:
    tracemalloc.start()
    try:
        action(number)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

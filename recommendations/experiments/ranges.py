"""The users of a casino's experiments: disjoint ranges of ten thousandths, so that no user takes part in two."""

from collections.abc import Iterable, Iterator

from recommendations.errors import ExperimentConflict
from recommendations.serving.experiments.assignment import PARTS

Ranges = tuple[tuple[int, int], ...]


def allocate(parts: int, taken: Iterable[tuple[int, int]], *, from_the_top: bool) -> Ranges:
    """Free ranges of `parts` ten thousandths in total, from the bottom, or from the top for holdouts, which run for
    long and rarely conflict with other experiments there. Raises ExperimentConflict if too few are free."""
    free = list(_free(sorted(taken)))
    room = sum(end - begin for begin, end in free)
    if room < parts:
        raise ExperimentConflict(
            f"{parts / PARTS:.2%} of the users are needed, and only {room / PARTS:.2%} take part in no other "
            "experiment: lower the traffic, or stop another experiment"
        )
    found = []
    for begin, end in reversed(free) if from_the_top else free:
        size = min(end - begin, parts)
        if size:
            found.append((end - size, end) if from_the_top else (begin, begin + size))
            parts -= size
    return tuple(sorted(found))


def _free(taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    at = 0
    for begin, end in taken:
        if begin > at:
            yield at, begin
        at = max(at, end)
    if at < PARTS:
        yield at, PARTS


def size_of(ranges: Iterable[tuple[int, int]]) -> int:
    return sum(end - begin for begin, end in ranges)

"""Rows of one key in one call: stored one after the other, so that a batch ends as its rows would one by one."""

from collections.abc import Callable, Iterator, Sequence

from recommendations.validation.rows import ChangingRow, CouponRow, Removal, Row

from .outcomes import DUPLICATE, Outcome
from .upsert import Key, key_of

Rows = Sequence[Row | Removal]
Store = Callable[[Rows], list[Outcome]]


def store_in_order(rows: Rows, store: Store) -> list[Outcome]:
    """Store rows so that no two of a round have one key. A row that another of its key makes void is a duplicate.

    Nearly always there is one round.
    """
    outcomes = [DUPLICATE] * len(rows)
    for places in _rounds(rows):
        for place, outcome in zip(places, store([rows[place] for place in places]), strict=True):
            outcomes[place] = outcome
    return outcomes


def _rounds(rows: Rows) -> Iterator[list[int]]:
    """The places of the rows that count: the first of each key, then the second of each key that has one, .."""
    remaining = list(_counting(rows).values())
    while remaining:
        yield [places[0] for places in remaining]
        remaining = [places[1:] for places in remaining if len(places) > 1]


def _counting(rows: Rows) -> dict[Key, list[int]]:
    counting: dict[Key, list[int]] = {}
    for place, row in enumerate(rows):
        places = counting.setdefault(key_of(row), [])
        if places and _is_overtaken(row, rows[places[-1]]):
            continue
        while places and _makes_void(row, rows[places[-1]]):
            places.pop()
        places.append(place)
    return counting


def _is_overtaken(row: Row | Removal, earlier: Row | Removal) -> bool:
    """Whether the row changes nothing after the other, whatever is stored."""
    if isinstance(row, CouponRow):
        return True
    if isinstance(row, Removal) and not isinstance(earlier, Removal):
        return False
    if row.timestamp is None or earlier.timestamp is None:
        return False
    return row.timestamp < earlier.timestamp


def _makes_void(row: Row | Removal, earlier: Row | Removal) -> bool:
    """Whether the other changes nothing before the row, whatever is stored."""
    if isinstance(row, Removal):
        return isinstance(earlier, Removal | CouponRow)
    if isinstance(row, CouponRow) or not isinstance(earlier, ChangingRow):
        return False
    has_same_kind_of_time = (row.timestamp is None) == (earlier.timestamp is None)
    return has_same_kind_of_time and set(row.unset_columns) <= set(earlier.unset_columns)

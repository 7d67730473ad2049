"""The order of rows with the same key in one call: a batch gives the same result as its rows one by one."""

from collections.abc import Callable, Iterator, Sequence

from recommendations.validation.rows import CouponRow, MutableRow, Removal, Row

from .outcomes import DUPLICATE, Outcome
from .upsert import Key, key_of

Rows = Sequence[Row | Removal]
Store = Callable[[Rows], list[Outcome]]


def store_in_order(rows: Rows, store: Store) -> list[Outcome]:
    """Call `store` with sub-batches in which every key is unique: almost always one. A row that another row of its key
    supersedes is a duplicate."""
    outcomes = [DUPLICATE] * len(rows)
    for places in _sub_batches(rows):
        for place, outcome in zip(places, store([rows[place] for place in places]), strict=True):
            outcomes[place] = outcome
    return outcomes


def _sub_batches(rows: Rows) -> Iterator[list[int]]:
    """The indices of the effective rows: the first of each key, then the second of each key that has one, .."""
    remaining = list(_effective_rows(rows).values())
    while remaining:
        yield [places[0] for places in remaining]
        remaining = [places[1:] for places in remaining if len(places) > 1]


def _effective_rows(rows: Rows) -> dict[Key, list[int]]:
    effective: dict[Key, list[int]] = {}
    for place, row in enumerate(rows):
        places = effective.setdefault(key_of(row), [])
        if places and _has_no_effect_after(row, rows[places[-1]]):
            continue
        while places and _supersedes(row, rows[places[-1]]):
            places.pop()
        places.append(place)
    return effective


def _has_no_effect_after(row: Row | Removal, earlier: Row | Removal) -> bool:
    """Whether the row never has an effect after `earlier`, for any stored row."""
    if isinstance(row, CouponRow):
        return True
    if isinstance(row, Removal) and not isinstance(earlier, Removal):
        return False
    if row.timestamp is None or earlier.timestamp is None:
        return False
    return row.timestamp < earlier.timestamp


def _supersedes(row: Row | Removal, earlier: Row | Removal) -> bool:
    """Whether `earlier` never has an effect before the row, for any stored row."""
    if isinstance(row, Removal):
        return isinstance(earlier, Removal | CouponRow)
    if isinstance(row, CouponRow) or not isinstance(earlier, MutableRow):
        return False
    both_or_neither_dated = (row.timestamp is None) == (earlier.timestamp is None)
    return both_or_neither_dated and set(row.unset_columns) <= set(earlier.unset_columns)

"""Stores messages of one table with unique keys: rows, partial messages and removals."""

from collections.abc import Callable, Sequence
from functools import cache

from recommendations.validation.changes import Change, EventChange, UserChange
from recommendations.validation.rows import MutableRow, Removal
from tenants.routing.connections import query

from .changes import apply_changes
from .outcomes import NOT_STORED, STALE, Outcome, Result
from .upsert import Key, Rows, as_json, explain_unwritten, key_of, reserve_ids, write
from .upsert_sql import Upsert
from .waiting_changes import keep_until_stored, take_waiting

Remove = Callable[[Sequence[Removal]], dict[Key, Outcome]]
Outcomes = dict[Key, Outcome]


def store_rows(rows: Rows, upsert: Upsert, remove: Remove) -> list[Outcome]:
    """Write the rows, and apply the changes and removals. Keys must be unique."""
    outcomes = _write(upsert, [row for row in rows if isinstance(row, MutableRow)])
    if changes := [row for row in rows if isinstance(row, Change)]:
        outcomes |= _change(upsert, changes)
    if removals := [row for row in rows if isinstance(row, Removal)]:
        outcomes |= remove(removals)
    return [outcomes[key_of(row)] for row in rows]


def _write(upsert: Upsert, rows: Sequence[MutableRow]) -> Outcomes:
    outcomes = write(upsert, rows)
    if len(outcomes) < len(rows):
        outcomes |= explain_unwritten(upsert, [row for row in rows if key_of(row) not in outcomes])
    if new := [key for key, outcome in outcomes.items() if outcome.result is Result.STORED]:
        apply_changes(upsert, take_waiting(upsert, new))
    return outcomes


def _change(upsert: Upsert, changes: Sequence[Change]) -> Outcomes:
    outcomes = _apply(upsert, changes)
    unknown = [change for change in changes if outcomes[key_of(change)] is NOT_STORED]
    if first := [change for change in unknown if change.makes_row]:
        outcomes |= _store_first(upsert, first)
    keep_until_stored(upsert, [change for change in unknown if change.waits and not change.makes_row])
    return outcomes


def _apply(upsert: Upsert, changes: Sequence[Change]) -> Outcomes:
    return dict(zip(map(key_of, changes), apply_changes(upsert, changes), strict=True))


def _store_first(upsert: Upsert, changes: Sequence[Change]) -> Outcomes:
    """Store the rows of these first messages, which leave out fields."""
    users = [change for change in changes if isinstance(change, UserChange)]
    events = [change.first_row() for change in changes if isinstance(change, EventChange)]
    return (_store_first_users(upsert, users) if users else {}) | (_write(upsert, events) if events else {})


def _store_first_users(upsert: Upsert, changes: Sequence[UserChange]) -> Outcomes:
    """Insert users whose fields are all unknown and older than any message, then apply their changes."""
    new: dict[Key, int] = {}
    for key in ("id", "natural_key"):
        if group := [change for change in changes if (change.id is None) == (key != "id")]:
            if key == "id":
                reserve_ids(upsert.table, group)
            new |= dict(query(_unknown_row_sql(upsert, key), [as_json(group)]))
    apply_changes(upsert, take_waiting(upsert, list(new)))
    applied = _apply(upsert, changes)
    stored: Outcomes = {key: Outcome(Result.STORED, row_id) for key, row_id in new.items()}
    # still not stored: the message is older than the row's removal
    return {key: STALE if outcome is NOT_STORED else outcome for key, outcome in applied.items()} | stored


@cache
def _unknown_row_sql(upsert: Upsert, key: str) -> str:
    return upsert.unknown_row_sql(key)

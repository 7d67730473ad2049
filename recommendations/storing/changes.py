"""Applies partial and damaged messages to stored rows of one table, in one round trip for each set of columns."""

from collections.abc import Sequence
from functools import cache

from msgspec import UNSET

from recommendations.models import EventStatus
from recommendations.validation.changes import Change, EventChange
from tenants.routing.connections import query

from .outcomes import CONTRADICTS, ID_TAKEN, NOT_STORED, STALE, Outcome, Result
from .upsert import as_json
from .upsert_sql import Upsert


@cache
def _statements(upsert: Upsert, key: str, unset_columns: tuple[str, ...]) -> tuple[str, str]:
    return upsert.contradictions_sql(key, unset_columns), upsert.update_sql(key, unset_columns)


def apply_changes(upsert: Upsert, changes: Sequence[Change]) -> list[Outcome]:
    """Update the stored rows; keys must be unique. NOT_STORED: no row has the key. CONTRADICTS: with the change, the
    stored event would end before it begins, or a team would play itself; then only restrictions are stored, and the
    event is withheld."""
    groups: dict[tuple[str, tuple[str, ...]], list[int]] = {}
    for place, change in enumerate(changes):
        groups.setdefault(("natural_key" if change.id is None else "id", change.unset_columns), []).append(place)
    outcomes: list[Outcome] = [NOT_STORED] * len(changes)
    for (key, unset_columns), places in groups.items():
        group = _apply_group(upsert, key, unset_columns, [changes[place] for place in places])
        for place, outcome in zip(places, group, strict=True):
            outcomes[place] = outcome
    return outcomes


def _apply_group(upsert: Upsert, key: str, unset_columns: tuple[str, ...], group: list[Change]) -> list[Outcome]:
    is_own = lock_stored(upsert.table, key, group)
    contradictions_sql, update_sql = _statements(upsert, key, unset_columns)
    contradicting = {row_key for (row_key,) in query(contradictions_sql, [as_json(group)])}
    fitting = [change for change in group if getattr(change, key) not in contradicting]
    updated = dict(query(update_sql, [as_json(fitting)])) if fitting else {}
    if contradicting:
        apply_changes(upsert, [_withholding(each) for each in group if getattr(each, key) in contradicting])
    return [_outcome(getattr(change, key), is_own, contradicting, updated) for change in group]


def lock_stored(table: str, key: str, group: list[Change]) -> dict[object, bool]:
    """Lock the stored rows in the order of their keys, as all writers do, with the lock of an update, so that storing a
    coupon of a user does not wait. Returns key -> whether it is the row's own key: the casino's id, or the natural key
    of a row without an id."""
    is_own = "natural_key IS NULL" if key == "id" else "true"
    sql = f"SELECT {key}, {is_own} FROM {table} WHERE {key} = ANY(%s) ORDER BY {key} FOR NO KEY UPDATE"
    return dict(query(sql, [[getattr(change, key) for change in group]]))


def _outcome(
    key: object, is_own: dict[object, bool], contradicting: set[object], updated: dict[object, int]
) -> Outcome:
    if key in updated:
        return Outcome(Result.UPDATED, updated[key])
    if key not in is_own:
        return NOT_STORED
    if not is_own[key]:
        return ID_TAKEN
    return CONTRADICTS if key in contradicting else STALE


def _withholding(change: Change) -> Change:
    """The restrictions in a contradictory change of an event, which also withhold it."""
    status = UNSET if change.status in {EventStatus.OPEN, EventStatus.LIVE} else change.status
    withholding = EventChange(
        natural_key=change.natural_key, timestamp=change.timestamp, status=status, is_withheld=True
    )
    withholding.id = change.id  # may be the number of a text id, which the constructor would reject
    return withholding

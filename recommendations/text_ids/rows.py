"""Replaces the texts in messages' rows by the numbers that stand for them in the tables.

The decoded rows stay unchanged: a rolled back transaction loses its assignments, and is repeated with the same rows.
"""

from collections.abc import Collection, Sequence
from copy import copy
from itertools import count
from typing import TypeVar

from recommendations.validation.changes import Change
from recommendations.validation.markets import OddsRow
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import CouponRow, EventRow, Removal, Selection, UnreadSelection, UserRow

from .dictionary import Kind, TextOf, assign, find

Identified = UserRow | EventRow | CouponRow | Change | Removal | OddsRow
Row = TypeVar("Row", bound=Identified)
OfEvent = TypeVar("OfEvent", bound=Selection | UnreadSelection)
Ids = dict[TextOf, int]


def with_stored_ids(kind: Kind, rows: Sequence[Row]) -> Sequence[Row]:
    """Rows, changes and removals of this kind with numbers as ids, by at most three statements; `rows` itself if none
    has a text. Call it before locking any row: the transaction waits for others that assign the same texts."""
    stored: set[TextOf] = set()
    others: set[TextOf] = set()
    for row in rows:
        if texts := _texts(kind, row):
            (stored if _stores(row) else others).update(texts)
    others -= stored
    if not stored and not others:
        return rows
    ids = (assign(stored) if stored else {}) | (_find_numbers(others) if others else {})
    return [_resolved(kind, row, ids) for row in rows]


def _stores(row: Identified) -> bool:
    """Whether the row stores its id. A change of a stored row does not: ids in rejected messages, or of rows that are
    not offered, get no numbers, since their number is unlimited."""
    return not isinstance(row, Change) or row.makes_row or (row.waits and row.restricts)


def _find_numbers(texts: Collection[TextOf]) -> Ids:
    """The numbers of these texts; a text without one gets a negative number, the id of no row."""
    known = find(texts)
    return dict(zip(sorted(set(texts) - known.keys()), count(-1, -1), strict=False)) | known


def stored_id(own: OwnId) -> int:
    """The id of a row whose texts were replaced by numbers. Raises TypeError for a text."""
    if isinstance(own, str):
        raise TypeError(f"The id {own!r} is a text, not a stored id. Call with_stored_ids first.")
    return own


def _texts(kind: Kind, row: Identified) -> list[TextOf]:
    texts = [(kind, row.id)] if isinstance(row.id, str) else []
    if isinstance(row, CouponRow):
        if isinstance(row.user_id, str):
            texts.append((Kind.USERS, row.user_id))
        texts += [(Kind.EVENTS, each.event_id) for each in row.recommended_events if isinstance(each.event_id, str)]
        if row.unread_selections:
            texts += [(Kind.EVENTS, event_id) for event_id in row.held_events if isinstance(event_id, str)]
    return texts


def _resolved(kind: Kind, row: Row, ids: Ids) -> Row:
    """A copy with numbers. It is not validated as by the constructor: these numbers are not valid own ids."""
    if not _texts(kind, row):
        return row
    row, own = copy(row), row.id
    if isinstance(own, str):
        row.id = ids[kind, own]
    if isinstance(row, CouponRow):
        if isinstance(row.user_id, str):
            row.user_id = ids[Kind.USERS, row.user_id]
        row.recommended_events = tuple(_with_stored_event_id(each, ids) for each in row.recommended_events)
        if row.unread_selections is not None:
            row.unread_selections = tuple(_with_stored_event_id(each, ids) for each in row.unread_selections)
    return row


def _with_stored_event_id(part: OfEvent, ids: Ids) -> OfEvent:
    """A copy with the number: coupons share selections, which must stay unchanged."""
    own = part.event_id
    if isinstance(own, str):
        part = copy(part)
        part.event_id = ids[Kind.EVENTS, own]
    return part

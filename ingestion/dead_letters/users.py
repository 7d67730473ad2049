"""Whose dead letters are: the user named in a rejected message, and erasing a user's dead letters."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db import connections

from ingestion.messages.decoding import Rejection
from ingestion.messages.encodings import without_byte_order_mark
from ingestion.messages.envelope import Envelope
from ingestion.topics import COUPONS, RECOMMENDATIONS, USERS, Topic
from recommendations.errors import InvalidRow
from recommendations.text_ids import Kind, ids_of, texts_of
from recommendations.validation.changes import UserChange
from recommendations.validation.own_ids import MAX_OWN_ID, own_id
from tenants.current_casino import CATALOGUE
from tenants.ids import MAX_ID
from tenants.numbers import parse_id
from tenants.routing.connections import query
from tenants.routing.context import get_current_casino


class _OfUsers(msgspec.Struct):
    """The field of a message that names its user."""

    user_id: Any = msgspec.field(default=None, name="id")


class _OfUser(msgspec.Struct):
    user_id: Any = None


_NAMES_USER: Mapping[str, type[_OfUser | _OfUsers]] = {
    USERS.name: _OfUsers,
    COUPONS.name: _OfUser,
    RECOMMENDATIONS.name: _OfUser,
}
_ERASE = """
WITH erased AS (
    DELETE FROM {table} AS letter USING unnest(%s::text[], %s::timestamptz[]) AS erased_user (user_id, until)
    WHERE letter.user_id = erased_user.user_id AND letter.sent_at <= COALESCE(erased_user.until, 'infinity')
    {condition} RETURNING 1
) SELECT count(*) FROM erased
"""
_ERASE_OWN = _ERASE.format(table="dead_letters", condition="")
_ERASE_UNASSIGNED = _ERASE.format(table="unassigned_dead_letters", condition="AND letter.casino_id = %s")
_ERASED_AT = "SELECT row_id, timestamp FROM removed_rows WHERE kind = 'users' AND row_id = ANY(%s)"


def user_id_of(topic: Topic, envelope: Envelope, rejection: Rejection) -> str | None:
    """The id of the message's user, as the message's field has it, or as what it restricts was read; None if it names
    none, or none that is readable."""
    return _named_user(topic, envelope) or _restricted_user(rejection)


def erase_dead_letters(users: Mapping[int, datetime | None]) -> int:
    """Delete these users' dead letters of the current casino, sent up to the given time (None: all), and return their
    number. Those whose user can't be read stay."""
    if not users:
        return 0
    names = {str(user_id): until for user_id, until in users.items()}  # also those of messages of this service
    names |= {text: users[user_id] for user_id, text in texts_of(users).items()}
    parameters: list[list[Any]] = [list(names), list(names.values())]
    [(count,)] = query(_ERASE_OWN, parameters)
    # those of the time when the casino was not known yet
    with connections[CATALOGUE].cursor() as cursor:
        cursor.execute(_ERASE_UNASSIGNED, [*parameters, get_current_casino().id])
        [unassigned] = cursor.fetchone()
    return int(count + unassigned)


def erased_until(user_ids: Iterable[str | None]) -> dict[str, datetime]:
    """Of these users, those who were erased or removed from the current casino: user id -> until when."""
    stored_ids = _stored_ids({each for each in user_ids if each is not None})
    if not stored_ids:
        return {}
    until = dict(query(_ERASED_AT, [list(stored_ids.values())]))
    return {user_id: until[stored_id] for user_id, stored_id in stored_ids.items() if stored_id in until}


def _stored_ids(user_ids: Iterable[str]) -> dict[str, int]:
    numbers = {each: number for each in user_ids if (number := parse_id(each)) is not None}
    texts = [each for each in user_ids if numbers.get(each, MAX_ID) > MAX_OWN_ID]
    return numbers | (ids_of(Kind.USERS, texts) if texts else {})


def _named_user(topic: Topic, envelope: Envelope) -> str | None:
    message = _NAMES_USER.get(topic.name)
    if message is None:
        return None
    try:
        decoded = msgspec.json.decode(without_byte_order_mark(envelope).value or b"", type=message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _normal_form(decoded.user_id)


def _restricted_user(rejection: Rejection) -> str | None:
    changes: Sequence[Any] = rejection.changes
    ids = [change.id for change in changes if isinstance(change, UserChange) and change.id is not None]
    return str(ids[0]) if ids else None


def _normal_form(user_id: object) -> str | None:
    """31, "31" and 31.0 are the same user; True is none."""
    if isinstance(user_id, bool) or not isinstance(user_id, int | float | str):
        return None
    try:
        return str(own_id("", user_id))
    except InvalidRow:
        return None

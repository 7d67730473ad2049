"""The users of dead letters: finds their ids in a rejected message, and erases a user's dead letters."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice
from typing import Any

from django.db import connections

from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import Envelope
from ingestion.messages.named_users import named_user
from ingestion.messages.reading import Content, DecodedMessage, Several, SingleContent, Unwanted
from ingestion.messages.results import MessageResult
from ingestion.topics import IMPRESSIONS, RECOMMENDATIONS, USERS, Topic
from recommendations.text_ids import Kind, ids_of, texts_of
from recommendations.validation.changes import Change, UserChange
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.own_ids import MAX_OWN_ID
from recommendations.validation.rows import CouponRow, Removal, ServedRow, UserRow
from tenants.current_casino import CATALOGUE
from tenants.ids import MAX_ID
from tenants.numbers import parse_id
from tenants.routing.connections import query
from tenants.routing.context import get_current_casino

_KEYS_ARE_USERS = (USERS.name, RECOMMENDATIONS.name, IMPRESSIONS.name)
_ERASE = """
WITH erased AS (
    DELETE FROM {table} AS letter USING unnest(%s::text[], %s::timestamptz[]) AS erased_user (user_id, until)
    WHERE (letter.user_id = erased_user.user_id OR letter.other_user_ids ? erased_user.user_id)
    AND letter.sent_at <= COALESCE(erased_user.until, 'infinity')
    {condition} RETURNING 1
) SELECT count(*) FROM erased
"""
_ERASE_OWN = _ERASE.format(table="dead_letters", condition="")
_ERASE_UNASSIGNED = _ERASE.format(table="unassigned_dead_letters", condition="AND letter.casino_id = %s")
_ERASED_AT = "SELECT row_id, timestamp FROM removed_rows WHERE kind = 'users' AND row_id = ANY(%s)"


def with_users(
    topic: Topic, messages: Iterable[DecodedMessage], rejected: Sequence[MessageResult]
) -> Sequence[MessageResult]:
    """Set the users of these rejected messages in their results, and return the results."""
    contents = {id(message.envelope): message.content for message in messages}
    for result in rejected:
        result.user_ids = users_in(topic, result.envelope, contents[id(result.envelope)])
    return rejected


def users_in(topic: Topic, envelope: Envelope, content: Content | Unwanted) -> tuple[str, ...]:
    """The ids of the users of a message, from its user field or from the restriction that it caused: at most one of an
    unmapped message, and all of a document that a mapping reads as several messages."""
    contents = content.contents if isinstance(content, Several) else (content,)
    return tuple(dict.fromkeys(chain.from_iterable(_user_ids_of(topic, envelope, each) for each in contents)))


def erase_dead_letters(users: Mapping[int, datetime | None]) -> int:
    """Delete these users' dead letters of the current casino, sent up to the given time (None: all), and return their
    number. A document about several users is erased with any of them. Dead letters whose user can't be read stay."""
    if not users:
        return 0
    names = {str(user_id): until for user_id, until in users.items()}  # messages of this service have numbers
    names |= {text: users[user_id] for user_id, text in texts_of(users).items()}
    parameters: list[list[Any]] = [list(names), list(names.values())]
    [(count,)] = query(_ERASE_OWN, parameters)
    # dead letters from before the casino was known
    with connections[CATALOGUE].cursor() as cursor:
        cursor.execute(_ERASE_UNASSIGNED, [*parameters, get_current_casino().id])
        [unassigned] = cursor.fetchone()
    return int(count + unassigned)


def erased_until(user_ids: Iterable[str | None]) -> dict[str, datetime]:
    """User id -> time of the erasure, of the users that were erased or removed from the current casino."""
    stored_ids = _stored_ids({each for each in user_ids if each is not None})
    if not stored_ids:
        return {}
    until = dict(query(_ERASED_AT, [list(stored_ids.values())]))
    return {user_id: until[stored_id] for user_id, stored_id in stored_ids.items() if stored_id in until}


def _stored_ids(user_ids: Iterable[str]) -> dict[str, int]:
    numbers = {each: number for each in user_ids if (number := parse_id(each)) is not None}
    texts = [each for each in user_ids if numbers.get(each, MAX_ID) > MAX_OWN_ID]
    return numbers | (ids_of(Kind.USERS, texts) if texts else {})


def _user_ids_of(topic: Topic, envelope: Envelope, content: SingleContent | Unwanted) -> Iterable[str]:
    if isinstance(content, Rejection):
        named = named_user(topic.message, envelope) if content.named_users is None else content.named_users
        return named or list(islice(_changed_user_ids(content.changes), 1))
    if isinstance(content, Unwanted):
        return _changed_user_ids(content.changes)
    if isinstance(content, CouponRow | ServedRow | ImpressionRow):
        return [str(content.user_id)]
    if isinstance(content, Removal):
        return [str(content.id)] if topic.name in _KEYS_ARE_USERS else []
    row = content.change if isinstance(content, Partial) else content
    return [str(row.id)] if isinstance(row, UserRow | UserChange) and row.id is not None else []


def _changed_user_ids(changes: Iterable[Change]) -> Iterator[str]:
    for change in changes:
        if isinstance(change, UserChange) and change.id is not None:
            yield str(change.id)

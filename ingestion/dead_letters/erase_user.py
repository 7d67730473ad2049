"""Purges an erased user's dead letters."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from ingestion.messages.envelope import Envelope
from ingestion.topics import TOPICS
from recommendations.errors import InvalidRow
from recommendations.validation.own_ids import OwnId, own_id

from .log import DeadLetter, DeadLetterQuery, fetch_messages, list_dead_letters
from .purge import purge

_USER_FIELDS = {"users": "id"}  # of a message; elsewhere user_id


def purge_dead_letters_of(casino_id: int, users: Mapping[OwnId, datetime | None]) -> int:
    """Purge these users' dead letters in the casino, up to the given time (None: all), and return their number. Those
    of `recommendations` have the stored id, which is another one where the casino's is text.

    They can't be shown or replayed any more. Kafka deletes them when all dead letters before them are closed, or by
    its retention. Raises KafkaException, NotDelivered.
    """
    letters = list_dead_letters(DeadLetterQuery(casino_id=casino_id))
    found = [
        letter
        for letter, envelope in fetch_messages(letters)
        if (user_id := _user_of(letter, envelope)) is not None and user_id in users and _is_due(letter, users[user_id])
    ]
    if found:
        purge(found)
    return len(found)


def _is_due(letter: DeadLetter, until: datetime | None) -> bool:
    return until is None or letter.at is None or letter.at <= until


def _user_of(letter: DeadLetter, envelope: Envelope) -> OwnId | None:
    """The message's user id; None if it is missing or unreadable."""
    user_id = _fields_of(envelope).get(_USER_FIELDS.get(TOPICS[letter.topic].name, "user_id"))
    if isinstance(user_id, bool) or not isinstance(user_id, int | float | str):
        return None
    with suppress(InvalidRow):
        return own_id("user_id", user_id)
    return None


def _fields_of(envelope: Envelope) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(envelope.value or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return message if isinstance(message, dict) else {}

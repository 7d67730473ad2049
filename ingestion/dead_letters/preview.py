"""The expected results of replays, without sending or storing a message."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from ingestion.catalogue import find_casinos, mapping_option, odd_format_option
from ingestion.errors import UnusableOption
from ingestion.mappings.errors import InvalidMapping, NoSuchMapping
from ingestion.mappings.options import stored_mapping
from ingestion.mappings.reading import read_mapped, unknown_words
from ingestion.mappings.status_words import own_words_of, read_own_words
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import Content, DecodedMessage, Several, Unwanted, read_message
from ingestion.topics import TOPICS, Topic
from tenants.models import Casino, DeadLetterState

from .content import envelope_of
from .replay import parts_of, reason_to_skip
from .tables import Letters

ACCEPTABLE = "acceptable"
_UNKNOWN_CASINO = "unknown_casino"
_UNUSABLE_MAPPING, _UNUSABLE_ODD_FORMAT = "mapping can't be used", "odd_format can't be used"


class ReplayPreview(msgspec.Struct):
    """The expected result of a dead letter's replay: `acceptable`, a reason to skip it, or a rejection code."""

    number: int
    result: str


def preview_replay(letters: Letters, now: datetime) -> Iterator[ReplayPreview]:
    """The expected results for the open dead letters: reads and validates the messages as consumers do. A partial
    message counts as acceptable, though it is rejected again if its row is not stored."""
    for numbers in parts_of(letters):
        # also loads the messages, which lists defer
        rows = letters.filter(pk__in=numbers, state=DeadLetterState.OPEN).defer(None).order_by("pk")
        part = [(letter, envelope_of(letter)) for letter in rows]
        casinos = _casinos_of(part)
        for letter, envelope in part:
            topic = TOPICS[letter.topic]
            casino = casinos[topic.name].get(envelope.casino_id or 0)
            result = reason_to_skip(letter, envelope) or _result(topic, envelope, casino, now)
            yield ReplayPreview(letter.pk, result)


def summary_of(results: Counter[str]) -> str:
    """A sentence with the number of each expected result."""
    counts = ", ".join(f"{count} {result}" for result, count in results.most_common()) or "none"
    return f"Expected results of {results.total()} replays: {counts}. Nothing sent."


def _casinos_of(part: Sequence[tuple[Any, Envelope]]) -> Mapping[str, Mapping[int, Casino]]:
    """The casinos of the messages by topic and id, with their options for reading the topic."""
    ids: dict[str, set[int | None]] = {}
    for letter, envelope in part:
        ids.setdefault(letter.topic, set()).add(envelope.casino_id)
    return {topic: find_casinos(casino_ids, topic) for topic, casino_ids in ids.items()}


def _result(topic: Topic, envelope: Envelope, casino: Casino | None, now: datetime) -> str:
    try:
        bounds = TimeBounds.at(now) if casino is None else TimeBounds.at(now, odd_format_option(casino))
    except UnusableOption:
        return _UNUSABLE_ODD_FORMAT
    try:
        content = _read(topic, envelope, casino, bounds)
    except (InvalidMapping, NoSuchMapping):
        return _UNUSABLE_MAPPING
    contents = content.contents if isinstance(content, Several) else (content,)
    rejection = next((each for each in contents if isinstance(each, Rejection)), None)
    if rejection is None and casino is None:
        return _UNKNOWN_CASINO
    return ACCEPTABLE if rejection is None else rejection.code


def _read(topic: Topic, envelope: Envelope, casino: Casino | None, bounds: TimeBounds) -> Content | Unwanted:
    """The message's content. Raises InvalidMapping, NoSuchMapping."""
    option = None if casino is None else mapping_option(casino)
    if casino is None or option is None:
        message = DecodedMessage(envelope, read_message(topic.decode, topic.partial, envelope, bounds))
        read_own_words(topic, [message], bounds)
        return message.content
    mapping = stored_mapping(topic.name, option)
    content = read_mapped(mapping, topic, envelope, bounds)
    if unknown_words(content):
        own_words = own_words_of(topic, casino.pk)
        bounds = msgspec.structs.replace(bounds, market_words=own_words.markets)
        content = read_mapped(mapping, topic, envelope, bounds, own_words.rows)
    return content

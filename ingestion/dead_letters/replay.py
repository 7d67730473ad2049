"""Replays dead letters, after the cause of their rejection is fixed."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import ORIGIN_HEADER, REPLAYS_HEADER, Envelope, header
from ingestion.messages.reading import read_message
from ingestion.outcomes import DecodedMessage
from ingestion.own_words import read_own_words
from ingestion.topics import TOPICS

from .log import DeadLetter, DeadLetterState, close_letters, fetch_messages, replay_count

MAX_REPLAYS = 3
ACCEPTABLE, TOO_OFTEN = "acceptable", "replayed too often"
_CHUNK = 500


class ReplayPreview(msgspec.Struct):
    """The expected result of a replay: `acceptable`, `replayed too often`, or a rejection code."""

    letter: DeadLetter
    result: str


def preview_replay(letters: Iterable[DeadLetter], now: datetime) -> list[ReplayPreview]:
    """The expected results, by decoding and validating the messages without storing them. A partial message is
    acceptable, though it is rejected again where its row is not stored."""
    bounds = TimeBounds.at(now)
    return [ReplayPreview(letter, _preview(letter, envelope, bounds)) for letter, envelope in fetch_messages(letters)]


def replay(letters: Sequence[DeadLetter], *, again: bool = False) -> list[DeadLetter]:
    """Send the messages to their topics again, close the dead letters, and return them.

    Each message carries its first place, so that a message replayed twice is stored once. Messages already replayed
    three times are skipped, unless `again`. Raises NotDelivered.
    """
    due = [letter for letter in letters if again or letter.replays < MAX_REPLAYS]
    forwarder = Forwarder()
    chunk: list[DeadLetter] = []
    for letter, envelope in fetch_messages(due):
        _send(forwarder, letter, envelope)
        chunk.append(letter)
        if len(chunk) == _CHUNK:
            _close(chunk, forwarder)
            chunk = []
    _close(chunk, forwarder)
    return due


def _close(letters: Sequence[DeadLetter], forwarder: Forwarder) -> None:
    """Deliver the messages first: after a crash before the closing record they are sent twice, and stored once."""
    forwarder.flush()
    close_letters(letters, DeadLetterState.REPLAYED, forwarder)


def _preview(letter: DeadLetter, envelope: Envelope, bounds: TimeBounds) -> str:
    if letter.replays >= MAX_REPLAYS:
        return TOO_OFTEN
    topic = TOPICS[letter.topic]
    message = DecodedMessage(envelope, read_message(topic.decode, topic.partial, envelope, bounds))
    read_own_words(topic, [message], bounds)
    content = message.content
    return content.code if isinstance(content, Rejection) else ACCEPTABLE


def _send(forwarder: Forwarder, letter: DeadLetter, envelope: Envelope) -> None:
    origin = (header(envelope.headers, ORIGIN_HEADER) or b"").decode(errors="replace") or letter.place
    replays = replay_count(envelope) + 1
    replaced = {ORIGIN_HEADER, REPLAYS_HEADER}
    envelope.headers = [each for each in envelope.headers or () if each[0] not in replaced]
    forwarder.forward(TOPICS[letter.topic].full_name, envelope, {ORIGIN_HEADER: origin, REPLAYS_HEADER: str(replays)})

"""Dead letters sent again, once what kept them from being stored is mended."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Bounds, Rejection, read_message
from ingestion.messages.envelope import ORIGIN_HEADER, Envelope, header
from ingestion.topics import TOPICS

from .log import REPLAYS_HEADER, DeadLetter, State, fetch_messages, mark, replays_of

MOST_REPLAYS = 3
_CHUNK = 500


class Prospect(msgspec.Struct):
    """What a replay would bring: `acceptable`, `replayed too often`, or the code that it would be rejected with."""

    letter: DeadLetter
    verdict: str


ACCEPTABLE, TOO_OFTEN = "acceptable", "replayed too often"


def judge(letters: Iterable[DeadLetter], now: datetime) -> list[Prospect]:
    """What each message would meet with now, as far as the message itself tells."""
    bounds = Bounds.at(now)
    return [Prospect(letter, _judge(letter, envelope, bounds)) for letter, envelope in fetch_messages(letters)]


def replay(letters: Sequence[DeadLetter], *, again: bool = False) -> list[DeadLetter]:
    """Send messages again, to the topic that they came by, and mark them; answers which.

    Each carries the place that it first had, by which it is known, so that a message replayed twice is stored once.
    One that was replayed three times is left alone, unless `again`: it goes in circles. Raises NotDelivered.
    """
    due = [letter for letter in letters if again or letter.replays < MOST_REPLAYS]
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
    """First the messages, then the marks: after a crash between the two a message is sent twice, and stored once."""
    forwarder.flush()
    mark(letters, State.REPLAYED, forwarder)


def _judge(letter: DeadLetter, envelope: Envelope, bounds: Bounds) -> str:
    if letter.replays >= MOST_REPLAYS:
        return TOO_OFTEN
    content = read_message(TOPICS[letter.topic].decode, envelope, bounds)
    return content.code if isinstance(content, Rejection) else ACCEPTABLE


def _send(forwarder: Forwarder, letter: DeadLetter, envelope: Envelope) -> None:
    origin = (header(envelope.headers, ORIGIN_HEADER) or b"").decode(errors="replace") or letter.place
    replays = replays_of(envelope) + 1
    ours = {ORIGIN_HEADER, REPLAYS_HEADER}
    envelope.headers = [each for each in envelope.headers or () if each[0] not in ours]
    forwarder.forward(letter.topic, envelope, {ORIGIN_HEADER: origin, REPLAYS_HEADER: str(replays)})

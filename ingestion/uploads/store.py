"""Stores the messages of an upload, one chunk per transaction: like Kafka's batches, but with another ledger."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils import timezone

from ingestion import metrics
from ingestion.catalogue import stored_odd_format
from ingestion.mappings.status_words import stored_words
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import CASINO_HEADER, Envelope, FilePlace, Headers, Place, Transport
from ingestion.messages.partial_formats import PartialFormat
from ingestion.messages.reading import DecodedMessage, read_message, removed_as_of, with_problems
from ingestion.messages.results import MessageResult
from ingestion.storing.ledger import Ledger, OutcomeCount, write_counts
from ingestion.storing.transaction import SendToDeadLetters, store_messages
from ingestion.topics import Topic
from tenants.models import Casino

from .ledger import Progress, UploadId, UploadLedger

# A message without a time takes up to three microseconds of `TimeBounds`. With steps of four, a message has the same
# time in a repeat as in the first try, and a later one than the messages before it.
_STEP = 4 * timedelta.resolution


class UploadedMessage(msgspec.Struct, frozen=True):
    """A message and its number in the upload. `value` is None for a tombstone, which has a `key`. `problem`: the reason
    if no message could be read. `problems`: field name -> the reason why a mapping could not read it, and `unread`
    their values. `removed_at`: a tombstone's time in the document, in JSON. `place`: the place in its file; None: the
    line `number`."""

    number: int
    value: bytes | None
    key: bytes | None = None
    problem: str = ""
    problems: Mapping[str, str] = {}
    removed_at: bytes = b""
    unread: Mapping[str, Any] = {}
    place: FilePlace | None = None


def _report_nothing(_: Iterable[MessageResult]) -> None:
    """Does nothing: the sender gets the rejections in the response."""


class UploadStore:
    """Stores one upload in one casino. `report_rejected` gets the rejected messages before each commit.

    Without an `upload`, no ledger is kept. `total` is the number of its messages, if it is known.
    """

    def __init__(
        self,
        topic: Topic,
        casino: Casino,
        transport: Transport,
        *,
        upload: UploadId | None,
        received_at: datetime,
        report_rejected: SendToDeadLetters = _report_nothing,
        total: int = 0,
    ) -> None:
        self.progress: Progress | None = None  # as of the last chunk; None without an `upload`
        self._topic, self._casino, self._transport = topic, casino, transport
        self._upload, self._received_at, self._total = upload, received_at, total
        self._report_rejected = report_rejected
        self._headers: Headers = [(CASINO_HEADER, str(casino.pk).encode())]
        self._odd_format = stored_odd_format(casino.options)
        self._own_words = stored_words(topic, casino.pk, casino.options)

    def store(self, chunk: Sequence[UploadedMessage], now: datetime) -> list[MessageResult]:
        """Store the messages, in their order. Raises DatabaseUnavailable and other database errors, UploadInProgress,
        UploadReadDifferently and UploadChanged, with nothing of the chunk stored."""
        return self.store_decoded(self.decode(chunk), now)

    def store_decoded(self, messages: Sequence[DecodedMessage], now: datetime) -> list[MessageResult]:
        """Like `store`, for messages read by `decode`."""
        results = store_messages(
            self._topic,
            self._casino,
            messages,
            now,
            self._report_rejected,
            open_ledger=lambda *_: self._open_ledger(),
        )
        counts = Counter(result.outcome for result in results)
        for outcome, count in counts.items():
            metrics.MESSAGES.labels(self._topic.name, str(self._casino.pk), outcome).inc(count)
        return results

    def decode(self, chunk: Sequence[UploadedMessage]) -> list[DecodedMessage]:
        bounds = TimeBounds.at(timezone.now(), self._odd_format)
        bounds.market_words = self._own_words.markets
        bounds.received = self._received_at
        bounds.next_clamped = self._received_at + _STEP * chunk[0].number
        return [self._decode(message, bounds) for message in chunk]

    def _decode(self, message: UploadedMessage, bounds: TimeBounds) -> DecodedMessage:
        place_id = "" if self._upload is None else self._upload.place_id
        place = Place.in_upload(self._transport, self._topic.name, place_id, message.number)
        envelope = Envelope(place, self._casino.pk, message.key, message.value, self._headers)
        if message.problem:
            return DecodedMessage(envelope, self._rejected(envelope, bounds, message.problem))
        content = read_message(self._topic.decode, self._topic.partial, envelope, bounds, self._own_words.rows)
        content = removed_as_of(content, message.removed_at, envelope, bounds)
        return DecodedMessage(envelope, with_problems(content, message.problems))

    def _rejected(self, envelope: Envelope, bounds: TimeBounds, problem: str) -> Rejection:
        """The rejection, with the closings of an unreadable message."""
        rejection, partial = Rejection("malformed", "", problem), self._topic.partial
        if partial is None or isinstance(partial, PartialFormat):
            return rejection
        return partial(envelope, bounds, rejection)

    def _open_ledger(self) -> Ledger:
        if self._upload is None:
            return _NoLedger(self._topic.name)
        ledger = UploadLedger(self._upload, self._received_at, self._total)
        self.progress = ledger.progress
        return ledger


class _NoLedger:
    """The ledger of an upload that can't be repeated: all messages are new."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def take_new(self, messages: Iterable[DecodedMessage]) -> list[DecodedMessage]:
        return list(messages)

    def write(self, results: Sequence[MessageResult], counts: Iterable[OutcomeCount], now: datetime) -> None:
        write_counts(self._topic, counts, now)

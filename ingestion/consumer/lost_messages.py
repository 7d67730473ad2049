"""Finds the messages that the broker deleted before this consumer read them: by retention, or by DeleteRecords.

With `auto.offset.reset=error` the broker reports that a position, or a committed offset, is no longer in its log.
Offsets without a message, as of transaction markers and compacted messages, are in the log: they are no loss.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from ingestion.catalogue import ready_casino_ids
from ingestion.kafka.lost_offsets import report_lost
from ingestion.kafka.watermarks import bounds_of
from ingestion.messages.envelope import Envelope, Place
from ingestion.messages.lost import LostMessages, for_each_casino, lost_messages

logger = logging.getLogger(__name__)


def is_out_of_range(message: Any) -> bool:
    """Whether the message is the error that its partition's position is not in the log. Its offset is the position."""
    error = message.error()
    return error is not None and error.code() == KafkaError._AUTO_OFFSET_RESET


def find_lost(client: Consumer, position: Place) -> tuple[LostMessages | None, int]:
    """The lost messages at a `position` that is not in the log, and the next offset to read. Raises KafkaException."""
    first, end = bounds_of(client, TopicPartition(position.topic, position.partition))
    if position.offset < first:
        return _lost(position, first), first
    if position.offset <= end:
        return None, position.offset
    text = "%s/%d: offset %d is after the end of the log, %d; reading from the beginning"
    logger.warning(text, position.topic, position.partition, position.offset, end)
    return None, OFFSET_BEGINNING


def by_casino(envelopes: Sequence[Envelope]) -> list[Envelope]:
    """The messages, with each placeholder of lost messages replaced by one for each casino. Raises
    AllDatabasesUnavailable."""
    casino_ids = ready_casino_ids()
    return list(chain.from_iterable(_split_lost(envelope, casino_ids) for envelope in envelopes))


def _split_lost(envelope: Envelope, casino_ids: Sequence[int]) -> Iterable[Envelope]:
    return for_each_casino(envelope, casino_ids) if isinstance(envelope, LostMessages) else (envelope,)


def _lost(position: Place, first_left: int) -> LostMessages:
    """The messages from `position` on that are lost, before the offset `first_left`."""
    report_lost(position.topic, position.partition, position.offset, first_left - 1)
    now = round(time.time() * 1_000)  # later than all lost messages
    return lost_messages(msgspec.structs.replace(position, offset=first_left - 1, sent_at=now), position.offset)

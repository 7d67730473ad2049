"""Dead letters that nobody needs any more."""

import logging
from collections.abc import Sequence

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.watermarks import watermarks
from ingestion.topics import TOPICS

from .log import DeadLetter, Query, State, list_dead_letters, mark

logger = logging.getLogger(__name__)

_SECONDS = 10


def purge(letters: Sequence[DeadLetter]) -> None:
    """Mark these as done with, and have Kafka delete what comes before the first dead letter that is still open.

    A log can be deleted only from its beginning. Raises NotDelivered.
    """
    mark(letters, State.PURGED, Forwarder())
    for topic in sorted({letter.topic for letter in letters}):
        _delete_closed(topic)


def _delete_closed(topic: str) -> None:
    still_open: dict[int, int] = {}
    for letter in list_dead_letters(Query(topic=topic)):
        still_open[letter.partition] = min(letter.offset, still_open.get(letter.partition, letter.offset))
    dead = TOPICS[topic].dead
    ends = [
        TopicPartition(dead, partition, still_open.get(partition, end))
        for partition, (_, end, _) in watermarks(dead).items()
    ]
    admin = AdminClient(client_config())  # has to live until it has answered
    for partition, future in admin.delete_records(ends, request_timeout=_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:  # the embedded broker can't; the marks alone hide them then
            logger.info("%s/%d: not deleted: %s", dead, partition.partition, error.args[0].str())

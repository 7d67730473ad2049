"""Purges dead letters."""

import logging
from collections.abc import Sequence

from confluent_kafka import KafkaException, TopicPartition
from django.conf import settings

from ingestion.kafka.client import new_admin
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.watermarks import watermarks
from ingestion.topics import TOPICS

from .log import DeadLetter, DeadLetterQuery, DeadLetterState, close_letters, list_dead_letters

logger = logging.getLogger(__name__)


def purge(letters: Sequence[DeadLetter]) -> None:
    """Close the dead letters, and delete each partition's messages before its first open one. Raises NotDelivered.

    Kafka can delete a partition's messages only from the beginning.
    """
    close_letters(letters, DeadLetterState.PURGED, Forwarder())
    for topic in sorted({letter.topic for letter in letters}):
        _delete_closed(topic)


def _delete_closed(topic: str) -> None:
    first_open: dict[int, int] = {}
    for letter in list_dead_letters(DeadLetterQuery(topic=topic)):
        first_open[letter.partition] = min(letter.offset, first_open.get(letter.partition, letter.offset))
    dead = TOPICS[topic].dead
    ends = [
        TopicPartition(dead, partition, first_open.get(partition, end))
        for partition, (_, end, _) in watermarks(dead).items()
    ]
    admin = new_admin()  # must live until the futures are done
    for partition, future in admin.delete_records(ends, request_timeout=settings.KAFKA_ANSWER_SECONDS).items():
        try:
            future.result()
        except KafkaException as error:  # the embedded broker can't delete; the closed letters are hidden only
            logger.info("%s/%d: not deleted: %s", dead, partition.partition, error.args[0].str())

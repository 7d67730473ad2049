"""Storing what was parked, a batch a turn, beside the messages that go on coming."""

import logging
from collections.abc import Iterable, Iterator

from confluent_kafka import KafkaException

from ingestion.kafka.errors import raise_if_fatal
from ingestion.parking.parking import Parking
from ingestion.storing.dispatch import BatchStore
from ingestion.topics import Topic

logger = logging.getLogger(__name__)


class Draining:
    """The drains that are under way, one a partition."""

    def __init__(self, topic: Topic, parking: Parking, store: BatchStore) -> None:
        self._topic = topic
        self._parking = parking
        self._store = store
        self._drains: dict[int, Iterator[None]] = {}

    def step(self) -> None:
        """Store a batch of what was parked, of each partition where a casino's database may be back.

        Raises AllDatabasesUnavailable, NotDelivered; then the drain begins again another time, as it does after anything else
        that Kafka can't do at present.
        """
        is_away = self._store.availability.is_away
        back = [casino_id for casino_id in self._parking.waiting if not is_away(casino_id)]
        for partition in self._parking.partitions_with(back):
            if partition not in self._drains:
                self._drains[partition] = self._parking.drain(partition, self._store.settle)
        for partition in list(self._drains):
            self._step(partition)

    def let_go(self, partitions: Iterable[int]) -> None:
        for partition in partitions:
            self._drains.pop(partition, None)

    def _step(self, partition: int) -> None:
        drain = self._drains.pop(partition)
        try:
            next(drain)
        except StopIteration:
            return
        except KafkaException as error:
            raise_if_fatal(error)
            logger.warning("%s: what was parked waits on: %s", self._topic.name, error.args[0].str())
            return
        self._drains[partition] = drain

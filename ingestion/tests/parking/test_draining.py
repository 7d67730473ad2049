"""Draining parked messages while more are parked."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka import Consumer
from django.utils import timezone

from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.kafka.partition_reader import BATCH
from ingestion.messages.envelope import CASINO_HEADER, Envelope, Headers, Place
from ingestion.parking.parking import Parking
from ingestion.topics import USERS

CASINO = 1


class Parked:
    """Parking of partition 0, and the offsets of its stored messages."""

    def __init__(self) -> None:
        # an own group: of a group with members, a broker accepts no other client's commits
        self._client = Consumer(client_config() | {"group.id": f"draining-{uuid4()}", "enable.auto.commit": False})
        self._forwarder = Forwarder()
        self.parking = Parking(USERS, self._client, OffsetCommits(), self._forwarder)
        self.parking.assign([0])
        self.count = 0
        self.stored: list[int] = []

    def park(self, count: int) -> None:
        offsets = range(self.count, self.count + count)
        headers: Headers = [(CASINO_HEADER, str(CASINO).encode())]
        envelopes = [Envelope(Place("c", USERS.name, 0, each, 0), CASINO, None, b"", headers) for each in offsets]
        self.parking.park(envelopes, "unavailable", timezone.now())
        self._forwarder.flush()
        self.count += count

    def store(self, casino_id: int, envelopes: list[Envelope]) -> int:
        self.stored += [envelope.place.offset for envelope in envelopes]
        return len(envelopes)

    def store_two(self, casino_id: int, envelopes: list[Envelope]) -> int:
        """Store two messages of a casino so slow that no more fit its turn."""
        return self.store(casino_id, envelopes[:2])

    def close(self) -> None:
        self._client.close()


@pytest.fixture
def parked(broker) -> Iterator[Parked]:
    parked = Parked()
    yield parked
    parked.close()


def test_drain_ends_although_more_messages_are_parked_meanwhile(parked):
    parked.park(BATCH + 1)
    drain = parked.parking.drain(0, parked.store)
    for _ in range(10):
        if next(drain, "ended") == "ended":
            break
        parked.park(1)
    assert parked.stored == list(range(parked.count))
    assert not parked.parking.has_parked(CASINO, 0)


def test_each_drain_of_a_slow_casino_begins_behind_its_last_stored_message(parked):
    """Otherwise draining would never end: each would store the first messages again."""
    parked.park(6)
    for left in (4, 2, 0):
        list(parked.parking.drain(0, parked.store_two))
        assert parked.parking.counts[CASINO] == left
    assert parked.stored == list(range(6))
    assert not parked.parking.has_parked(CASINO, 0)

"""Draining parked messages while more are parked, and while the broker deletes some."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from django.conf import settings as django_settings
from django.utils import timezone

from ingestion.kafka.client import client_config
from ingestion.kafka.forwarder import Forwarder
from ingestion.kafka.offset_commits import OffsetCommits
from ingestion.kafka.partition_reader import BATCH
from ingestion.kafka.watermarks import watermarks
from ingestion.messages.envelope import CASINO_HEADER, Envelope, Headers, Place, header
from ingestion.messages.lost import FIRST_HEADER
from ingestion.parking.parking import Parking
from ingestion.topics import USERS
from tenants.tests.waiting import PATIENCE_SECONDS

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
        self.is_closable = True
        self.reported: list[tuple[int | None, int, int]] = []  # casino, and the first and last offset that was lost

    def park(self, count: int, value: bytes = b"") -> None:
        offsets = range(self.count, self.count + count)
        headers: Headers = [(CASINO_HEADER, str(CASINO).encode())]
        envelopes = [Envelope(Place("c", USERS.name, 0, each, 0), CASINO, None, value, headers) for each in offsets]
        self.parking.park(envelopes, "unavailable", timezone.now())
        self._forwarder.flush()
        self.count += count

    def store(self, casino_id: int, envelopes: list[Envelope]) -> int:
        self.stored += [envelope.place.offset for envelope in envelopes]
        return len(envelopes)

    def store_two(self, casino_id: int, envelopes: list[Envelope]) -> int:
        """Store two messages of a casino so slow that no more fit its turn."""
        return self.store(casino_id, envelopes[:2])

    def close_lost(self, lost: Envelope) -> bool:
        if self.is_closable:
            self.reported.append((lost.casino_id, int(header(lost.headers, FIRST_HEADER) or b""), lost.place.offset))
        return self.is_closable

    def step(self) -> None:
        self.parking.drain_step(lambda _: False, self.store, self.close_lost)

    @property
    def committed(self) -> int:
        place = TopicPartition(USERS.parked, 0)
        offset: int = self._client.committed([place], timeout=PATIENCE_SECONDS)[0].offset
        return offset

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


def test_a_drain_goes_on_where_a_killed_consumer_stopped(parked):
    parked.park(BATCH + 1)
    next(parked.parking.drain(0, parked.store))
    assert parked.committed == BATCH
    parked.parking.revoke([0])
    parked.parking.assign([0])
    assert parked.parking.counts == {CASINO: 1}
    list(parked.parking.drain(0, parked.store))
    assert parked.stored == list(range(BATCH + 1))


@pytest.mark.skipif(bool(django_settings.KAFKA_BOOTSTRAP_SERVERS), reason="only the embedded broker keeps 5 MB")
def test_deleted_parked_messages_are_reported_and_all_that_are_left_are_stored(parked, caplog):
    parked.park(2)
    parked.step()
    parked.park(40, b"x" * 200_000)
    first, end, *_ = watermarks(USERS.parked)[0]
    assert 2 < first < end
    parked.is_closable = False
    parked.step()  # finds the loss
    for _ in range(9):
        parked.step()
    assert parked.stored == [0, 1, *range(first, end)]
    assert f"users.parked/0: offsets 2 to {first - 1} ({first - 2}) were deleted by the broker" in caplog.text
    assert (parked.reported, parked.committed) == ([], 2)  # another consumer would find the loss
    parked.is_closable = True
    for _ in range(3):
        parked.step()
    assert (parked.reported, parked.committed) == ([(CASINO, 2, first - 1)], end)

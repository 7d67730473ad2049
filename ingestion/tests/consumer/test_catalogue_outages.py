"""The consumer while the catalogue's database is unavailable, so that nothing can be stored."""

from collections.abc import Callable, Iterator

import pytest
from confluent_kafka import TopicPartition
from django.db import connections

from ingestion.consumer.consumer import TopicConsumer
from ingestion.tests.kafka_client import Until, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import COUPONS, USERS

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture
def restore(casino_a, casino_b) -> Iterator[Callable[[], None]]:
    """Makes the catalogue's server unreachable; yields a function that makes it reachable again."""
    connection = connections["default"]
    address = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    yield lambda: connection.settings_dict.update(address)
    connection.settings_dict.update(address)


def test_rejections_wait_while_the_catalogue_is_unavailable(broker, restore):
    send(USERS, [(1, b"{")])
    assert consume(USERS, 1, on_wait=restore).counts == {(1, "malformed"): 1}


def test_consumer_waits_for_the_catalogue_when_it_starts(broker, restore):
    """Its first query is for expired coupons."""
    troubles: list[str] = []

    def note_and_restore() -> None:
        troubles.append(consumer.health.problem)
        restore()

    consumer: TopicConsumer = TopicConsumer(
        COUPONS, Until(lambda: bool(troubles) and not consumer.health.problem, note_and_restore)
    )
    consumer.run()
    assert "the catalogue's database is unavailable" in troubles[0]
    assert consumer.health.problem == ""


def test_a_consumer_with_messages_to_retry_is_not_idle(broker, restore):
    def be_impatient_and_restore() -> None:
        consumer._idle_exit = 0.1
        restore()

    send(USERS, [(1, b"{")])
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: False, be_impatient_and_restore))
    consumer.run()
    assert consumer.counts == {(1, "malformed"): 1}


def test_partition_revoked_during_a_backoff_is_read_when_assigned_again(broker, casino_a):
    send(USERS, [(1, user())])
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: consumer.counts.total() >= 1))
    place = [TopicPartition(USERS.name, 0, 0)]
    consumer._client.assign(place)
    assert consumer._client.consume(1, 10)
    consumer._client.pause(place)  # as the consumer does while it backs off
    consumer._client.unassign()
    consumer._client.consume(1, 0.5)
    consumer.run()
    assert consumer.counts == {(1, "stored"): 1}

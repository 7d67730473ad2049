"""The consumer while the catalogue's database is away, so that nothing can be stored for anybody."""

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
def come_back(casino_a, casino_b) -> Iterator[Callable[[], None]]:
    """Takes the catalogue's server away; what it yields brings it back."""
    connection = connections["default"]
    address = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict["HOST"] = "/nowhere"
    yield lambda: connection.settings_dict.update(address)
    connection.settings_dict.update(address)


@pytest.mark.parametrize("ratio", [0, 0.5])
def test_rejections_of_one_casino_wait_as_well(broker, come_back, settings, ratio):
    settings.INGESTION_REJECTION_RUN = settings.INGESTION_REJECTION_WINDOW = 1
    settings.INGESTION_REJECTION_RATIO = ratio
    send(USERS, [(1, b"{")])
    assert consume(USERS, 1, on_wait=come_back).counts == {(1, "malformed"): 1}


def test_consumer_that_starts_then_waits_too(broker, come_back):
    """Coupons that have waited too long are looked for at once."""
    troubles: list[str] = []

    def note_and_come_back() -> None:
        troubles.append(consumer.health.trouble)
        come_back()

    consumer: TopicConsumer = TopicConsumer(
        COUPONS, Until(lambda: bool(troubles) and not consumer.health.trouble, note_and_come_back)
    )
    consumer.run()
    assert "the catalogue does not answer" in troubles[0]
    assert consumer.health.trouble == ""


def test_partition_that_goes_while_nothing_can_be_stored_is_read_when_it_is_given_back(broker, casino_a):
    send(USERS, [(1, user())])
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: consumer.counts.total() >= 1))
    place = [TopicPartition(USERS.name, 0)]
    consumer._client.assign(place)
    assert consumer._client.consume(1, 10)
    consumer._client.pause(place)  # as the consumer does while it holds its batch back
    consumer._client.unassign()
    consumer._client.consume(1, 0.5)
    consumer.run()
    assert consumer.counts == {(1, "stored"): 1}

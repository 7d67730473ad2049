"""While a full batch is stored, the next one is read already. Rows are really committed."""

import threading
from contextlib import contextmanager

import pytest
from confluent_kafka import TopicPartition
from django.db import connections

from ingestion.consumer.batch import Batch
from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.client import new_consumer
from ingestion.tests.consumer.test_rebalance import running
from ingestion.tests.database_outages import catalogue
from ingestion.tests.decoded_messages import decoded_message, envelope_of
from ingestion.tests.kafka_client import Until, committed, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import USERS
from tenants.tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def send_users(count):
    send(USERS, [(1, user(id=number)) for number in range(1, count + 1)])


@contextmanager
def locked_users(alias, settings):
    """Nothing is stored in the block."""
    settings.INGESTION_LOCK_SECONDS = settings.INGESTION_TRANSACTION_SECONDS = PATIENCE_SECONDS
    locking = connections[alias].copy()
    locking.set_autocommit(False)
    try:
        with locking.cursor() as cursor:
            cursor.execute("LOCK TABLE users")
        yield
    finally:
        locking.close()


def test_the_next_batch_is_decoded_while_one_is_stored(broker, casino_a, settings):
    settings.KAFKA_BATCH_SIZE = 3
    send_users(8)
    with running(USERS) as other:
        with locked_users("casino_1", settings):
            wait_until(lambda: len(other.consumer._ahead.messages) == 3)
            assert other.consumer.counts == {}
        wait_until(lambda: committed(USERS) == {0: 8})
    assert other.consumer.counts == {(1, "stored"): 8}


def test_batches_that_are_read_outlast_an_outage_of_all_databases(broker, casino_a, casino_b, settings):
    settings.KAFKA_BATCH_SIZE = 2
    send_users(7)
    waiting = []
    with catalogue() as the_catalogue:
        the_catalogue.stop()

        def on_wait():
            waiting.append((len(consumer._batch.envelopes), len(consumer._ahead.envelopes)))
            if len(waiting) > 3:
                the_catalogue.restore()

        consumer = TopicConsumer(USERS, Until(lambda: consumer.counts.total() >= 7, on_wait))
        consumer.run()
    assert (2, 2) in waiting
    assert consumer.counts == {(1, "stored"): 7}
    assert committed(USERS) == {0: 7}


@pytest.fixture
def idle_consumer(broker, casino_a):
    consumer = TopicConsumer(USERS, threading.Event())
    yield consumer
    consumer._batches.close()
    consumer._client.close()


def test_what_is_read_of_a_revoked_partition_is_dropped(idle_consumer):
    def batch():
        messages = [decoded_message(USERS, user(), partition=partition) for partition in (0, 1, 0)]
        return Batch([each.envelope for each in messages], messages)

    idle_consumer._batch, idle_consumer._ahead = batch(), batch()
    idle_consumer._on_revoke(None, [TopicPartition(USERS.full_name, 0)])
    for left in (idle_consumer._batch, idle_consumer._ahead):
        assert [each.place.partition for each in left.envelopes] == [1]
        assert [each.envelope for each in left.messages] == left.envelopes


def test_offsets_are_committed_for_the_topic_whose_messages_they_count(idle_consumer):
    """The topic may be recreated between reading and storing."""
    idle_consumer._commit([envelope_of(USERS, user(), offset=4, topic_id="deleted")])
    idle_consumer._commits.finish(idle_consumer._client, PATIENCE_SECONDS)
    client = new_consumer({"group.id": USERS.group})
    [found] = client.committed([TopicPartition(USERS.full_name, 0)], timeout=PATIENCE_SECONDS)
    client.close()
    assert (found.offset, found.metadata) == (5, "deleted")

"""Topics that change under a running consumer: recreated, or with more partitions. Rows are really committed."""

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from django.conf import settings as django_settings
from prometheus_client import REGISTRY

from ingestion.kafka.client import client_config
from ingestion.kafka.topic_identity import TopicIdentity
from ingestion.storing.ledger import read_ledger_offsets
from ingestion.tests.consumer.test_rebalance import running
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import committed, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.topics import PARTITIONS, USERS, create_topics
from recommendations.models import User
from tenants.routing.context import use_casino
from tenants.tests.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

on_apache_kafka = pytest.mark.skipif(
    not django_settings.KAFKA_BOOTSTRAP_SERVERS,
    reason="the embedded broker neither deletes topics nor adds partitions: make test-kafka",
)


def ids(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("id", flat=True))


def lag(topic, partition):
    labels = {"topic": topic.name, "partition": str(partition)}
    return REGISTRY.get_sample_value("recsys_ingestion_lag_messages", labels)


def recreate(topic, *, partitions=PARTITIONS):
    admin = AdminClient(client_config())
    admin.delete_topics([topic.name])[topic.name].result(PATIENCE_SECONDS)

    def is_created():
        return admin.create_topics([NewTopic(topic.name, partitions, 1)])[topic.name].exception() is None

    wait_until(is_created)


def send_users(first, end, *, sent_at=0):
    producer = Producer(client_config())

    def is_delivered():
        """A recreated topic has no leader for a moment."""
        failures = []
        for number in range(first, end):
            producer.produce(
                USERS.name,
                str(user(id=number)).replace("'", '"'),
                headers={"casino_id": "1"},
                partition=0,
                timestamp=sent_at,
                on_delivery=lambda error, message: failures.append(error) if error else None,
            )
        return producer.flush(PATIENCE_SECONDS) == 0 and not failures

    wait_until(is_delivered)


@pytest.mark.covered
def test_lag_of_a_quiet_topic_is_counted_from_the_committed_offset(broker, casino_a):
    send(USERS, [(1, user(id=number)) for number in range(1, 21)])
    consume(USERS, 20)
    with running(USERS) as other:
        wait_until(lambda: other.partitions == {0, 1, 2})
        wait_until(lambda: None not in [lag(USERS, partition) for partition in range(3)])
        assert [lag(USERS, partition) for partition in range(3)] == [0, 0, 0]


def test_lag_of_revoked_partitions_has_no_series(broker, casino_a):
    with running(USERS) as other:
        wait_until(lambda: other.partitions == {0, 1, 2})
        wait_until(lambda: lag(USERS, 0) is not None)
    assert [lag(USERS, partition) for partition in range(3)] == [None] * 3


@on_apache_kafka
@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_recreated_topic_is_read_from_its_beginning(broker, casino_a, settings, strategy):
    """It is refilled past the old offset before the consumer can notice."""
    settings.KAFKA_ASSIGNMENT_STRATEGY = strategy
    with running(USERS) as other:
        send_users(1, 31)
        wait_until(lambda: len(ids(casino_a)) == 30)
        recreate(USERS)
        send_users(101, 161)
        wait_until(lambda: len(ids(casino_a)) == 90)
        wait_until(lambda: committed(USERS) == {0: 60})
    assert ids(casino_a) == {*range(1, 31), *range(101, 161)}
    assert other.consumer.counts[1, "stored"] == 90


def test_topic_found_to_be_recreated_at_an_assignment_is_joined_again(broker, casino_a, settings, monkeypatch, caplog):
    """The partitions that the consumer had before have offsets of the deleted topic too."""
    settings.KAFKA_ASSIGNMENT_STRATEGY = "cooperative-sticky"
    with running(USERS) as first:
        wait_until(lambda: first.partitions == {0, 1, 2})
        with running(USERS) as second:
            wait_until(lambda: second.partitions and first.partitions | second.partitions == {0, 1, 2})
            wait_until(lambda: first.partitions and not first.partitions & second.partitions)
            answers = iter([True])
            monkeypatch.setattr(TopicIdentity, "check", lambda self: False)
            monkeypatch.setattr(TopicIdentity, "read", lambda self: next(answers, False))
        wait_until(lambda: "users: the topic was recreated" in caplog.text)
        wait_until(lambda: first.partitions == {0, 1, 2})


@on_apache_kafka
def test_messages_of_a_recreated_topic_are_no_repetitions_of_one_dated_ahead(broker, casino_a):
    ahead = round((time.time() + 3_000) * 1_000)
    with running(USERS):
        send_users(1, 2, sent_at=ahead)
        send_users(2, 31)
        wait_until(lambda: len(ids(casino_a)) == 30)
        recreate(USERS)
        send_users(101, 111)
        wait_until(lambda: len(ids(casino_a)) == 40)
    with use_casino(casino_a.current):
        topics = {topic_id for _, topic_id, _ in read_ledger_offsets(USERS.group, USERS.name)}
    assert len(topics) == 2
    assert "" not in topics


@on_apache_kafka
def test_offset_committed_for_a_deleted_topic_is_not_used_after_a_restart(broker, casino_a, monkeypatch):
    """The consumer ended before it noticed that the topic was recreated."""
    monkeypatch.setattr(TopicIdentity, "check", lambda self: False)
    with running(USERS):
        send_users(1, 11)
        wait_until(lambda: len(ids(casino_a)) == 10)
        recreate(USERS)
        send_users(101, 131)
        wait_until(lambda: committed(USERS) == {0: 30})
    monkeypatch.undo()
    with running(USERS):
        wait_until(lambda: ids(casino_a) >= {*range(101, 131)})


@on_apache_kafka
def test_partitions_added_to_a_topic_alone_are_added_to_those_of_its_forwarded_messages(broker, casino_a, casino_b):
    add_partitions(USERS.name, PARTITIONS + 2)
    assert create_topics() == []
    wait_until(lambda: partitions_of(USERS.parked) == PARTITIONS + 2)
    with database_unavailable(casino_b):
        for casino in (1, 2, 99):
            send(USERS, [(casino, user())], partition=PARTITIONS + 1)
        counts = consume(USERS, 3).counts
    assert counts == {(1, "stored"): 1, (2, "parked"): 1, (None, "unknown_casino"): 1}
    assert create_topics() == []


@on_apache_kafka
def test_partitions_added_while_a_consumer_runs_are_read(broker, casino_a, settings):
    send(USERS, [(1, user(id=1))])
    with running(USERS) as other:
        wait_until(lambda: ids(casino_a) == {1})
        add_partitions(USERS.name, PARTITIONS + 1)
        with running(USERS) as second:  # whose rebalance finds them
            wait_until(lambda: other.partitions | second.partitions == {0, 1, 2, 3})
            send(USERS, [(1, user(id=2)), (99, user(id=3))], partition=PARTITIONS)
            wait_until(lambda: ids(casino_a) == {1, 2})
            wait_until(lambda: (other.consumer.counts + second.consumer.counts)[None, "unknown_casino"] == 1)


def add_partitions(name, count):
    admin = AdminClient(client_config())
    admin.create_partitions([NewPartitions(name, count)])[name].result(PATIENCE_SECONDS)
    wait_until(lambda: partitions_of(name) == count)


def partitions_of(name):
    return len(AdminClient(client_config()).list_topics(name, timeout=120).topics[name].partitions)

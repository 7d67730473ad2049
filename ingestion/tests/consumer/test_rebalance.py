"""Rebalances between consumers of one group. Rows are really committed."""

import threading
from contextlib import contextmanager

import pytest
from django.db import connections

from ingestion.consumer.consumer import TopicConsumer
from ingestion.consumer.group_config import group_config
from ingestion.tests.kafka_client import committed, consume, read_all, rewind, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, TOPICS, USERS
from recommendations.models import PurchasedCoupon, UserProfile
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino
from tenants.tests.waiting import wait_until

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


class RunningConsumer:
    """A consumer in its own thread, which closes its connections at the end."""

    def __init__(self, topic):
        self._stop = threading.Event()
        self.consumer = TopicConsumer(topic, self._stop)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        try:
            self.consumer.run()
        finally:
            connections.close_all()

    @property
    def partitions(self):
        return self.consumer._assigned or set()

    def stop(self):
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive()


@contextmanager
def running(topic):
    consumer = RunningConsumer(topic)
    try:
        yield consumer
    finally:
        consumer.stop()


def counted(casino):
    with use_casino(casino.current):
        profile = UserProfile.objects.get(user_id=7)
        return PurchasedCoupon.objects.count(), profile.coupon_count, profile.stake_total


def send_coupons(count):
    for partition in range(3):
        send(COUPONS, [(1, coupon(stake=2)) for _ in range(count)], partition=partition)


def share_and_leave(casino, *, until=lambda: True):
    """Two consumers that shared 600 coupons of user 7; the second one joined later and left earlier. The first one
    runs until all coupons are stored, and `until`."""
    with use_casino(casino.current):
        UserFactory(id=7)
    with running(COUPONS) as first:
        send_coupons(50)
        wait_until(lambda: len(first.partitions) == 3)
        with running(COUPONS) as second:
            send_coupons(50)
            wait_until(lambda: first.partitions and second.partitions)
            wait_until(lambda: first.partitions | second.partitions == {0, 1, 2})
            assert not first.partitions & second.partitions
            send_coupons(50)
            wait_until(lambda: counted(casino)[0] == 450)
        send_coupons(50)
        wait_until(lambda: first.partitions == {0, 1, 2})
        wait_until(lambda: counted(casino)[0] == 600)
        wait_until(until)
    return first.consumer, second.consumer


@pytest.mark.no_cover
@pytest.mark.parametrize("strategy", ["cooperative-sticky", "range"])
def test_no_message_is_lost_or_stored_twice_when_consumers_join_and_leave(broker, casino_a, settings, strategy):
    settings.KAFKA_ASSIGNMENT_STRATEGY = strategy
    settings.KAFKA_BATCH_SIZE = 10
    first, second = share_and_leave(casino_a)
    counts = first.counts + second.counts
    assert counts[1, "stored"] == 600
    assert set(counts) <= {(1, "stored"), (1, "repeated")}
    assert second.counts[1, "stored"] > 0
    assert counted(casino_a) == (600, 600, 1200)


def test_refused_offsets_are_committed_after_a_rebalance(broker, casino_a, settings):
    settings.KAFKA_BATCH_SIZE = 10
    share_and_leave(casino_a, until=lambda: committed(COUPONS) == {0: 200, 1: 200, 2: 200})
    assert committed(COUPONS) == {0: 200, 1: 200, 2: 200}


def test_crash_between_the_database_and_kafka_stores_nothing_twice(broker, casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    send_coupons(5)
    assert consume(COUPONS, 15).counts == {(1, "stored"): 15}
    rewind(COUPONS)
    assert consume(COUPONS, 15).counts == {(1, "repeated"): 15}
    assert counted(casino_a) == (15, 15, 30)


def test_messages_of_unassigned_partitions_are_ignored(broker, casino_a):
    for partition in range(3):
        send(USERS, [(1, user())], partition=partition)
    messages = read_all(USERS, 3)
    with running(USERS) as other:
        wait_until(lambda: other.consumer.counts.total() == 3)
        opened = {each.place.partition for each in other.consumer._open(messages)}
        assert opened == {0, 1, 2}
    assert other.partitions == set()
    assert other.consumer._open(messages) == []


def test_static_member_id_has_the_process_and_topic(settings):
    assert "group.instance.id" not in group_config(USERS)
    settings.KAFKA_GROUP_INSTANCE_ID = "host-3"
    names = {topic.name: group_config(topic)["group.instance.id"] for topic in TOPICS.values()}
    assert names == {name: f"host-3-{name}" for name in TOPICS}


def test_session_timeout_is_the_setting_with_three_heartbeats(settings):
    settings.KAFKA_SESSION_SECONDS = 9
    config = group_config(USERS)
    assert (config["session.timeout.ms"], config["heartbeat.interval.ms"]) == (9_000, 3_000)

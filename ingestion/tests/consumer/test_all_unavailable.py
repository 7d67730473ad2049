"""While the catalogue is unavailable, nothing is stored, parked or committed. Rows are really committed."""

import pytest

from ingestion.consumer.consumer import TopicConsumer
from ingestion.tests.database_outages import catalogue, database_unavailable
from ingestion.tests.kafka_client import Until, committed, read_named, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import USERS
from recommendations.models import User
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def names(casino):
    with use_casino(casino.current):
        return dict(User.objects.values_list("id", "name"))


def parked_or_dead():
    return read_named(USERS.parked, 1, seconds=0.5) + stored_letters()


def test_nothing_is_stored_parked_or_committed_while_all_databases_are_unavailable(broker, casino_a, casino_b):
    send(USERS, [(1, user()), (2, user()), (99, user()), (1, b"{")])
    tries: list[dict[int, int]] = []
    with catalogue() as the_catalogue, database_unavailable(casino_a, through="casino_2"):
        the_catalogue.stop()
        consumer = TopicConsumer(USERS, Until(lambda: len(tries) >= 3, lambda: tries.append(committed(USERS))))
        consumer.run()
    assert tries == [{}] * 3
    assert consumer.counts == {}
    assert (committed(USERS), parked_or_dead(), names(casino_a)) == ({}, [], {})


def test_consumer_resumes_when_all_databases_are_available_again(broker, casino_a, casino_b):
    send(USERS, [(1, user()), (2, user()), (99, user()), (1, b"{")])
    with catalogue() as the_catalogue:
        the_catalogue.stop()

        def is_done():
            return consumer.counts.total() >= 8

        def on_wait():
            if is_unavailable:
                is_unavailable.pop()
                send(USERS, [(1 + number % 2, user(id=20 + number)) for number in range(4)], partition=1)
            else:
                the_catalogue.restore()

        is_unavailable = [True]
        consumer = TopicConsumer(USERS, Until(is_done, on_wait))
        consumer.run()
    assert consumer.counts == {
        (1, "stored"): 3,
        (2, "stored"): 3,
        (None, "unknown_casino"): 1,
        (1, "malformed"): 1,
    }
    assert committed(USERS) == {0: 4, 1: 4}
    assert set(names(casino_a)) == {7, 20, 22}


def test_consumer_resumes_after_the_catalogue_was_unavailable_during_draining(broker, casino_a, casino_b):
    """The catalogue becomes unavailable when only parked messages are left to store."""
    send(USERS, [(2, user())])
    with database_unavailable(casino_b), catalogue(through="casino_1") as the_catalogue:

        def is_done():
            if consumer.counts[2, "parked"] and not the_catalogue.was_stopped:
                the_catalogue.stop()
            return consumer.counts[1, "stored"] >= 1

        def on_wait():
            if the_catalogue.is_stopped:
                the_catalogue.restore()
                send(USERS, [(1, user())])

        consumer = TopicConsumer(USERS, Until(is_done, on_wait))
        consumer.run()
    assert consumer.counts == {(2, "parked"): 1, (1, "stored"): 1}


def test_malformed_messages_during_a_catalogue_outage_do_not_stop_the_consumer(broker, casino_a, settings):
    settings.INGESTION_REJECTION_RUN = 5
    send(USERS, [(1, user())])
    with catalogue() as the_catalogue:

        def is_done():
            if consumer.counts.total() == 1 and not the_catalogue.was_stopped:
                the_catalogue.stop()
                send(USERS, [(2, b"{")] * 6)
            return consumer.counts.total() >= 7

        consumer = TopicConsumer(USERS, Until(is_done, the_catalogue.restore))
        consumer.run()
    assert consumer.counts == {(1, "stored"): 1, (None, "malformed"): 6}

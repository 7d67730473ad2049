import itertools
import logging
import time
from typing import Any

import msgspec
import pytest

from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.client import close_within
from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.maintenance.pruning import TallyMerging, TallyPruning
from ingestion.messages.envelope import open_message
from ingestion.metrics import MESSAGES
from ingestion.tests.kafka_client import Until, committed, consume, in_second_group, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, event, user, without
from ingestion.tests.stored_letters import stored_letters
from ingestion.tests.undecodable_header import send_with_unreadable_header
from ingestion.topics import COUPONS, EVENTS, USERS, topic_names
from recommendations.models import CasinoTally, Event, PurchasedCoupon, User, UserProfile
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

# A consumer closes connections in a transaction, so these tests must not run in one.
pytestmark = pytest.mark.django_db(**IN_PROCESSES)

USER = msgspec.json.encode(user())
BAD: list[tuple[Any, Any, str]] = [
    (None, user(), "no_casino"),
    ("x", user(), "no_casino"),
    (99, user(), "unknown_casino"),
    (1, None, "bad_key"),
    (1, b"{", "malformed"),
    (1, b"\xff", "malformed"),
    (1, [], "wrong_type"),
    (1, without(without(user(id=77), "id"), "surname"), "missing"),
    (2, user(birth_year="old"), "wrong_type"),
    (2, user(currency="$"), "unknown_value"),
    (2, user(name="x" * 101), "too_long"),
]


def names(casino):
    with use_casino(casino.current):
        return dict(User.objects.values_list("id", "name"))


@pytest.fixture
def user_7(casino_a, casino_b):
    """The coupons' user, in both casinos."""
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory(id=7)


def counted(casino, user_id=7):
    with use_casino(casino.current):
        profile = UserProfile.objects.get(user_id=user_id)
        return PurchasedCoupon.objects.filter(user_id=user_id).count(), profile.coupon_count, profile.stake_total


def test_rows_land_in_their_own_casinos_database(broker, casino_a, casino_b):
    send(USERS, [(1, user(name="Ada")), (2, user(name="Bob")), (1, user(id=8, name="Cyd"))])
    consumer = consume(USERS, 3)
    assert consumer.counts == {(1, "stored"): 2, (2, "stored"): 1}
    assert names(casino_a) == {7: "Ada", 8: "Cyd"}
    assert names(casino_b) == {7: "Bob"}


def test_all_partitions_are_read(broker, casino_a):
    for partition in range(3):
        send(EVENTS, [(1, event(home_team=f"TEAM {partition}"))], partition=partition)
    consume(EVENTS, 3)
    with use_casino(casino_a.current):
        assert set(Event.objects.values_list("home_team", flat=True)) == {"TEAM 0", "TEAM 1", "TEAM 2"}
    assert committed(EVENTS) == {0: 1, 1: 1, 2: 1}


def test_valid_and_invalid_messages_are_separated_and_counted(broker, casino_a, casino_b):
    good = [(1, user(id=number)) for number in range(1, len(BAD) + 1)]
    mixed = [message for bad, fine in zip(BAD, good, strict=True) for message in (bad[:2], fine)]
    send(USERS, [*mixed, (2, user())])
    counts = consume(USERS, len(mixed) + 1).counts
    assert counts[1, "stored"] == len(good) == len(names(casino_a))
    assert counts[2, "stored"] == len(names(casino_b)) == 1
    for casino, _, reason in BAD:
        assert counts[casino if casino in {1, 2} else None, reason] >= 1
    assert counts.total() == len(mixed) + 1
    assert committed(USERS) == {0: len(mixed) + 1}


def test_rejected_messages_are_logged_with_their_place_and_reason(broker, casino_a, casino_b, caplog):
    send(USERS, [(1, user()), *(bad[:2] for bad in BAD)], partition=2)
    consume(USERS, len(BAD) + 1)
    warnings = {record.getMessage() for record in caplog.records if record.levelno == logging.WARNING}
    assert {warning.split(": ")[0] + ": " + warning.split(": ")[1] for warning in warnings} == {
        f"Rejected: topic=users partition=2 offset={offset} casino={casino if isinstance(casino, int) else None} "
        f"reason={reason}"
        for offset, (casino, _, reason) in enumerate(BAD, start=1)
    }
    assert all(warning.count(": ") >= 2 for warning in warnings)


def test_ids_of_unknown_casinos_are_counted_together(broker, casino_a):
    send(USERS, [(1, user()), *((10**12 + number, user()) for number in range(20)), (10**12, b"{")])
    assert consume(USERS, 22).counts == {(1, "stored"): 1, (None, "unknown_casino"): 20, (None, "malformed"): 1}
    casinos = {sample.labels["casino"] for metric in MESSAGES.collect() for sample in metric.samples}
    assert "unknown" in casinos
    assert not any(each.startswith("1000000") for each in casinos)


def test_messages_with_unreadable_headers_do_not_stop_the_rest(broker, casino_a):
    send_with_unreadable_header(broker, "users", b"{}", count=100)  # enough for Python to specialise the call
    send(USERS, [(1, user())])
    assert consume(USERS, 101).counts == {(None, "no_casino"): 100, (1, "stored"): 1}
    assert committed(USERS) == {0: 101}


def test_message_with_two_casino_ids_is_a_dead_letter(broker, casino_a, casino_b):
    for second in (b"2", b"1", b"x", b"", None):
        send_raw("users", USER, [("casino_id", b"1"), ("casino_id", second)])
    assert consume(USERS, 5).counts == {(None, "ambiguous_header"): 5}
    assert names(casino_a) == names(casino_b) == {}
    letters = {(each.casino_id, each.reason, each.row.field) for each in stored_letters()}
    assert letters == {(None, "ambiguous_header", "casino_id")}


def test_message_with_two_headers_of_a_replay_is_a_dead_letter(broker, casino_a):
    for header in ("replay.origin", "replay.count"):
        send_raw("users", USER, [("casino_id", b"1"), (header, b"1"), (header, b"2")])
    assert consume(USERS, 2).counts == {(1, "ambiguous_header"): 2}


def test_headers_of_the_sender_may_repeat(broker, casino_a):
    send_raw("users", USER, [("casino_id", b"1"), ("trace", b"1"), ("trace", b"2")])
    assert consume(USERS, 1).counts == {(1, "stored"): 1}


def test_second_coupon_with_the_same_id_is_a_duplicate(broker, casino_a, casino_b, user_7):
    send(COUPONS, [(1, coupon(id=5)), (2, coupon(id=5)), (1, coupon(id=5, stake=99))])
    assert consume(COUPONS, 3).counts == {(1, "stored"): 1, (2, "stored"): 1, (1, "duplicate"): 1}
    assert counted(casino_a) == counted(casino_b) == (1, 1, 10.5)


def test_messages_read_by_a_second_group_are_stored_and_counted_once(broker, casino_a, casino_b, user_7):
    values = [coupon(), coupon(), coupon(id=9), coupon(stake=1)]
    send(COUPONS, [(casino, value) for value in values for casino in (1, 2)])
    assert consume(COUPONS, 8).counts == {(1, "stored"): 4, (2, "stored"): 4}
    assert consume(in_second_group(COUPONS), 8).counts == {(1, "duplicate"): 4, (2, "duplicate"): 4}
    assert counted(casino_a) == counted(casino_b) == (4, 4, 32.5)


@pytest.mark.covered
def test_users_and_events_read_by_a_second_group_change_nothing(broker, casino_a):
    send(USERS, [(1, user()), (1, without(user(), "id"))])
    send(EVENTS, [(1, event()), (1, event(id=900))])
    for topic in (USERS, EVENTS):
        assert consume(topic, 2).counts == {(1, "stored"): 2}
        assert consume(in_second_group(topic), 2).counts == {(1, "duplicate"): 2}


def test_restarted_consumer_continues_at_the_committed_offset(broker, casino_a, settings):
    settings.KAFKA_BATCH_SIZE = 4
    send(USERS, [(1, user(id=number)) for number in range(1, 11)])
    first: TopicConsumer = TopicConsumer(USERS, Until(lambda: first.counts.total() >= 4))
    first.run()
    done = first.counts.total()
    assert 4 <= done < 10
    assert committed(USERS) == {0: done}
    assert consume(USERS, 10 - done).counts == {(1, "stored"): 10 - done}
    assert committed(USERS) == {0: 10}
    assert sorted(names(casino_a)) == list(range(1, 11))


def test_nothing_is_committed_before_the_first_message(broker, casino_a):
    TopicConsumer(USERS, Until(lambda: False), idle_exit=0.5).run()
    assert committed(USERS) == {}


def test_a_consumer_that_has_not_joined_its_group_is_not_idle(broker, casino_a):
    consumer = TopicConsumer(USERS, Until(lambda: False), idle_exit=0.0)
    consumer.run()
    assert consumer._assigned is not None


def test_stop_event_ends_the_loop(broker, casino_a):
    looks = itertools.count()
    TopicConsumer(USERS, Until(lambda: next(looks) > 5)).run()
    assert next(looks) < 20


def test_consumer_stopped_before_it_starts_reads_nothing(broker, casino_a):
    send(USERS, [(1, user())])
    stop = Until(lambda: False)
    stop.set()
    consumer = TopicConsumer(USERS, stop)
    consumer.run()
    assert consumer.counts == {}
    assert names(casino_a) == {}


def test_partitions_assigned_while_closing_are_ignored(broker, casino_a):
    def late():
        time.sleep(1)  # long enough for the group to assign partitions, which the client learns while closing
        return True

    send(USERS, [(1, user())])
    consumer = TopicConsumer(USERS, Until(late))
    consumer.run()
    assert consumer.counts == {}


def test_tallies_are_merged_soon_after_the_last_coupon(broker, casino_a, casino_b, user_7, monkeypatch):
    def tallied(casino):
        with use_casino(casino.current):
            return CasinoTally.objects.filter(attribute="league", count=1).exists()

    monkeypatch.setattr(TallyPruning, "casinos", lambda self: [])
    monkeypatch.setattr(TallyMerging, "interval_seconds", 0.2)
    send(COUPONS, [(1, coupon())])
    TopicConsumer(COUPONS, Until(lambda: tallied(casino_a))).run()
    assert (tallied(casino_a), tallied(casino_b)) == (True, False)


def test_idle_consumer_ends_after_idle_exit(broker, casino_a):
    send(USERS, [(1, user())])
    stop = Until(lambda: False)
    consumer = TopicConsumer(USERS, stop, idle_exit=3)
    consumer.run()
    assert consumer.counts == {(1, "stored"): 1}
    assert not stop.is_set()


def test_heartbeat_file_is_touched_without_messages(broker, casino_a, tmp_path):
    heartbeat = tmp_path / "heartbeat"
    TopicConsumer(USERS, Until(heartbeat.exists), heartbeat=heartbeat).run()
    assert heartbeat.exists()


@pytest.mark.exhaustive
def test_unavailable_broker_at_a_commit_does_not_stop_the_consumer(settings, casino_a):
    """The rows are stored; the next consumer finds them in the ledger."""
    with EmbeddedBroker() as embedded:
        for name in topic_names():
            embedded.create_topic(name, 3)
        settings.KAFKA_BOOTSTRAP_SERVERS = embedded.bootstrap_servers
        send(USERS, [(1, user())])
        consumer = TopicConsumer(USERS, Until(lambda: consumer.counts.total() >= 1))
        consumer._subscribe()
        messages = consumer._client.consume(1, 10)
    consumer._commit([open_message(message, "", "") for message in messages])
    close_within(consumer._client, 5)  # the client itself would wait without limit for the response to its commit


def test_casino_without_parked_messages_here_is_not_reported_for_ever(broker, casino_a):
    """Its partitions are another consumer's now."""
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: consumer.health.has_joined))
    consumer._batches.circuit_breaker.record_pause(1, "disk full", 0)
    consumer.run()
    assert consumer.health.parked == ""

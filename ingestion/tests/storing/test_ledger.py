"""The ledger: what is done with is never stored again, and what is new never skipped."""

from datetime import timedelta
from typing import Any

import pytest

from ingestion.models import MessageCount, PartitionOffset
from ingestion.storing.ledger import Mark, read_marks
from ingestion.storing.transaction import store_messages
from ingestion.tests.decoded_messages import SENT_AT, readings_of
from ingestion.tests.kafka_client import NOW, again
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, USERS
from recommendations.models import User
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def nothing(verdicts):
    """For messages of which none is rejected."""
    raise AssertionError(list(verdicts))


def store(casino, readings, *, topic=USERS, now=NOW, bury=nothing):
    """The outcomes, in the order of the messages."""
    verdicts = store_messages(topic, casino, readings, now, bury)
    outcomes = {id(verdict.envelope): verdict.outcome for verdict in verdicts}
    assert len(verdicts) == len(outcomes) == len(readings)
    return [outcomes[id(reading.envelope)] for reading in readings]


def users(first, end, **changes):
    return readings_of(USERS, *(user(id=1 + number) for number in range(first, end)), first=first, **changes)


def marks(casino, topic=USERS):
    with use_casino(casino.current):
        return read_marks(topic.group, topic.name)


def counts(casino):
    with use_casino(casino.current):
        return {(each.topic, each.hour, each.outcome): each.count for each in MessageCount.objects.all()}


def test_messages_that_come_again_are_repeated(casino_a):
    assert store(casino_a, users(0, 3)) == ["stored"] * 3
    assert store(casino_a, users(1, 5)) == ["repeated"] * 2 + ["stored"] * 2
    assert store(casino_a, users(0, 5)) == ["repeated"] * 5
    assert marks(casino_a) == {("here", "", 0): Mark(5, SENT_AT)}


def test_message_twice_in_one_batch_is_repeated(casino_a):
    assert store(casino_a, users(0, 2) + users(1, 3)) == ["stored", "stored", "repeated", "stored"]


def test_gaps_between_offsets_do_no_harm(casino_a):
    assert store(casino_a, users(3, 4) + users(90, 91)) == ["stored"] * 2
    assert store(casino_a, users(3, 4) + users(95, 96)) == ["repeated", "stored"]


def test_rejected_messages_are_done_with_too(casino_a):
    letters: list[Any] = []
    bad = readings_of(USERS, b"{", user())
    assert store(casino_a, bad, bury=letters.extend) == ["malformed", "stored"]
    assert store(casino_a, bad, bury=letters.extend) == ["repeated"] * 2
    assert [(letter.envelope.place.offset, letter.outcome) for letter in letters] == [(0, "malformed")]


def test_casinos_have_their_own_ledgers(casino_a, casino_b):
    assert store(casino_a, users(0, 3)) == ["stored"] * 3
    assert store(casino_b, users(0, 3)) == ["stored"] * 3
    assert marks(casino_a) == marks(casino_b) == {("here", "", 0): Mark(3, SENT_AT)}


def test_topics_and_groups_have_their_own_marks(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    assert store(casino_a, readings_of(USERS, user(id=9))) == ["stored"]
    assert store(casino_a, readings_of(COUPONS, coupon(id=5)), topic=COUPONS) == ["stored"]
    assert store(casino_a, readings_of(COUPONS, coupon(id=5)), topic=again(COUPONS)) == ["duplicate"]
    assert list(marks(casino_a, COUPONS).values()) == list(marks(casino_a, again(COUPONS)).values())


def test_partitions_clusters_and_topics_of_another_id_are_streams_of_their_own(casino_a):
    streams: list[dict[str, Any]] = [
        {"partition": 1},
        {"cluster": "there"},
        {"topic_id": "first"},
        {"topic_id": "second"},
        {},
    ]
    batch = [reading for place, stream in enumerate(streams) for reading in users(0, place + 1, **stream)]
    outcomes = store(casino_a, batch)
    assert set(outcomes) == {"stored", "duplicate"}
    assert marks(casino_a) == {
        ("here", "", 1): Mark(1, SENT_AT),
        ("there", "", 0): Mark(2, SENT_AT),
        ("here", "first", 0): Mark(3, SENT_AT),
        ("here", "second", 0): Mark(4, SENT_AT),
        ("here", "", 0): Mark(5, SENT_AT),
    }
    assert store(casino_a, batch) == ["repeated"] * 15


def test_topic_that_is_made_again_is_not_skipped(casino_a):
    assert store(casino_a, users(0, 5)) == ["stored"] * 5
    later = [user(id=100 + number) for number in range(3)]
    assert store(casino_a, readings_of(USERS, *later, sent_at=SENT_AT + 1)) == ["stored"] * 3
    assert marks(casino_a) == {("here", "", 0): Mark(3, SENT_AT + 1)}
    assert store(casino_a, readings_of(USERS, *later, sent_at=SENT_AT + 1)) == ["repeated"] * 3


def test_message_of_a_topic_that_is_made_again_is_not_taken_for_one_of_another_day(casino_a):
    """The stream grows past where the old one was, sent by clocks that differ."""
    assert store(casino_a, users(0, 5)) == ["stored"] * 5
    for offset, sent_at in enumerate([SENT_AT + 50, SENT_AT + 40, SENT_AT + 60, SENT_AT - 10, SENT_AT - 5, SENT_AT]):
        new = readings_of(USERS, user(id=100 + offset), first=offset, sent_at=sent_at)
        assert store(casino_a, new) == ["stored"]
        assert store(casino_a, new) == ["repeated"]


def test_senders_whose_clocks_differ_are_neither_skipped_nor_stored_twice(casino_a):
    times = [SENT_AT, SENT_AT - 86_400_000, SENT_AT + 86_400_000, -1, 0, SENT_AT]
    batch = [
        reading
        for offset, sent_at in enumerate(times)
        for reading in readings_of(USERS, user(id=offset + 1), first=offset, sent_at=sent_at)
    ]
    assert store(casino_a, batch[:3]) == ["stored"] * 3
    assert store(casino_a, batch) == ["repeated"] * 3 + ["stored"] * 3
    assert store(casino_a, batch) == ["repeated"] * 6


def test_counts_are_exact_by_hour_and_outcome(casino_a, casino_b):
    letters: list[Any] = []
    batch = readings_of(USERS, user(id=1), b"{", user(id=2), user(id=3), b"[]", b"}")
    store(casino_a, batch, bury=letters.extend)
    store(casino_a, users(3, 8), now=NOW + timedelta(seconds=1), bury=letters.extend)
    store(casino_a, users(8, 10), now=NOW + timedelta(hours=1), bury=letters.extend)
    assert counts(casino_a) == {
        ("users", HOUR, "stored"): 3 + 2,
        ("users", HOUR, "malformed"): 2,
        ("users", HOUR, "wrong_type"): 1,
        ("users", HOUR, "repeated"): 3,
        ("users", HOUR + timedelta(hours=1), "stored"): 2,
    }
    assert counts(casino_b) == {}


def test_counts_of_rejections_say_which_was_the_last_and_why(casino_a):
    letters: list[Any] = []
    later = NOW + timedelta(microseconds=1)
    store(casino_a, readings_of(USERS, b"{", user()), bury=letters.extend)
    store(casino_a, readings_of(USERS, b"}", user(), first=2), now=later, bury=letters.extend)
    with use_casino(casino_a.current):
        malformed = MessageCount.objects.get(outcome="malformed")
        stored = MessageCount.objects.get(outcome="stored")
    assert (malformed.is_rejection, malformed.count, malformed.last_at) == (True, 2, later)
    assert malformed.last_place == f"here/users/0/2@{SENT_AT}"
    assert malformed.last_detail == letters[-1].rejection.detail != ""
    assert (stored.is_rejection, stored.last_place, stored.last_detail) == (False, "", "")


def test_ledger_and_rows_go_together(casino_a):
    """What fails after the rows are written takes them, the ledger and the counts with it."""

    class Stop(Exception):
        pass

    def stop(verdicts):
        raise Stop

    with pytest.raises(Stop):
        store(casino_a, readings_of(USERS, user(), b"{"), bury=stop)
    with use_casino(casino_a.current):
        assert [each.objects.count() for each in (User, PartitionOffset, MessageCount)] == [0, 0, 0]


def test_ledger_of_a_full_batch_takes_few_round_trips(casino_a, django_assert_max_num_queries):
    store(casino_a, users(0, 1))
    batch = [reading for partition in range(3) for reading in users(1, 500, partition=partition)]
    with django_assert_max_num_queries(0, using="default"), django_assert_max_num_queries(14, using="casino_1"):
        store(casino_a, batch)

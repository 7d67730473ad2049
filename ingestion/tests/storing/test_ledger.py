"""The ledger: messages are stored once, and none is skipped."""

from datetime import timedelta
from typing import Any

import pytest

from ingestion.models import MessageCount, PartitionOffset
from ingestion.storing.ledger import LedgerOffset, read_ledger_offsets
from ingestion.storing.transaction import store_messages
from ingestion.tests.decoded_messages import SENT_AT, decoded_messages
from ingestion.tests.kafka_client import NOW, in_second_group
from ingestion.tests.sample_messages import coupon, user
from ingestion.topics import COUPONS, USERS
from recommendations.models import User
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

HOUR = NOW.replace(minute=0, second=0, microsecond=0)


def nothing(results):
    """The `send_to_dead_letters` of tests that reject no message."""
    raise AssertionError(list(results))


def store(casino, messages, *, topic=USERS, now=NOW, send_to_dead_letters=nothing):
    """The outcomes, in the order of the messages."""
    results = store_messages(topic, casino, messages, now, send_to_dead_letters)
    outcomes = {id(result.envelope): result.outcome for result in results}
    assert len(results) == len(outcomes) == len(messages)
    return [outcomes[id(message.envelope)] for message in messages]


def users(first, end, **changes):
    return decoded_messages(USERS, *(user(id=1 + number) for number in range(first, end)), first=first, **changes)


def offsets(casino, topic=USERS):
    with use_casino(casino.current):
        return read_ledger_offsets(topic.group, topic.name)


def counts(casino):
    with use_casino(casino.current):
        return {(each.topic, each.hour, each.outcome): each.count for each in MessageCount.objects.all()}


def test_messages_received_again_are_repeated(casino_a):
    assert store(casino_a, users(0, 3)) == ["stored"] * 3
    assert store(casino_a, users(1, 5)) == ["repeated"] * 2 + ["stored"] * 2
    assert store(casino_a, users(0, 5)) == ["repeated"] * 5
    assert offsets(casino_a) == {("here", "", 0): LedgerOffset(5, SENT_AT)}


def test_message_twice_in_one_batch_is_repeated(casino_a):
    assert store(casino_a, users(0, 2) + users(1, 3)) == ["stored", "stored", "repeated", "stored"]


def test_gaps_between_offsets_are_allowed(casino_a):
    assert store(casino_a, users(3, 4) + users(90, 91)) == ["stored"] * 2
    assert store(casino_a, users(3, 4) + users(95, 96)) == ["repeated", "stored"]


def test_rejected_messages_are_in_the_ledger_too(casino_a):
    letters: list[Any] = []
    bad = decoded_messages(USERS, b"{", user())
    assert store(casino_a, bad, send_to_dead_letters=letters.extend) == ["malformed", "stored"]
    assert store(casino_a, bad, send_to_dead_letters=letters.extend) == ["repeated"] * 2
    assert [(letter.envelope.place.offset, letter.outcome) for letter in letters] == [(0, "malformed")]


def test_casinos_have_their_own_ledgers(casino_a, casino_b):
    assert store(casino_a, users(0, 3)) == ["stored"] * 3
    assert store(casino_b, users(0, 3)) == ["stored"] * 3
    assert offsets(casino_a) == offsets(casino_b) == {("here", "", 0): LedgerOffset(3, SENT_AT)}


def test_topics_and_groups_have_their_own_offsets(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
    assert store(casino_a, decoded_messages(USERS, user(id=9))) == ["stored"]
    assert store(casino_a, decoded_messages(COUPONS, coupon(id=5)), topic=COUPONS) == ["stored"]
    assert store(casino_a, decoded_messages(COUPONS, coupon(id=5)), topic=in_second_group(COUPONS)) == ["duplicate"]
    assert list(offsets(casino_a, COUPONS).values()) == list(offsets(casino_a, in_second_group(COUPONS)).values())


def test_partitions_clusters_and_topic_ids_have_their_own_offsets(casino_a):
    streams: list[dict[str, Any]] = [
        {"partition": 1},
        {"cluster": "there"},
        {"topic_id": "first"},
        {"topic_id": "second"},
        {},
    ]
    batch = [message for place, stream in enumerate(streams) for message in users(0, place + 1, **stream)]
    outcomes = store(casino_a, batch)
    assert set(outcomes) == {"stored", "duplicate"}
    assert offsets(casino_a) == {
        ("here", "", 1): LedgerOffset(1, SENT_AT),
        ("there", "", 0): LedgerOffset(2, SENT_AT),
        ("here", "first", 0): LedgerOffset(3, SENT_AT),
        ("here", "second", 0): LedgerOffset(4, SENT_AT),
        ("here", "", 0): LedgerOffset(5, SENT_AT),
    }
    assert store(casino_a, batch) == ["repeated"] * 15


def test_messages_of_a_recreated_topic_are_stored(casino_a):
    assert store(casino_a, users(0, 5)) == ["stored"] * 5
    later = [user(id=100 + number) for number in range(3)]
    assert store(casino_a, decoded_messages(USERS, *later, sent_at=SENT_AT + 1)) == ["stored"] * 3
    assert offsets(casino_a) == {("here", "", 0): LedgerOffset(3, SENT_AT + 1)}
    assert store(casino_a, decoded_messages(USERS, *later, sent_at=SENT_AT + 1)) == ["repeated"] * 3


def test_messages_of_a_recreated_topic_are_stored_despite_clock_skew(casino_a):
    """The new topic's offsets exceed the old ones, with times of different clocks."""
    assert store(casino_a, users(0, 5)) == ["stored"] * 5
    for offset, sent_at in enumerate([SENT_AT + 50, SENT_AT + 40, SENT_AT + 60, SENT_AT - 10, SENT_AT - 5, SENT_AT]):
        new = decoded_messages(USERS, user(id=100 + offset), first=offset, sent_at=sent_at)
        assert store(casino_a, new) == ["stored"]
        assert store(casino_a, new) == ["repeated"]


def test_messages_of_senders_with_clock_skew_are_stored_once(casino_a):
    times = [SENT_AT, SENT_AT - 86_400_000, SENT_AT + 86_400_000, -1, 0, SENT_AT]
    batch = [
        message
        for offset, sent_at in enumerate(times)
        for message in decoded_messages(USERS, user(id=offset + 1), first=offset, sent_at=sent_at)
    ]
    assert store(casino_a, batch[:3]) == ["stored"] * 3
    assert store(casino_a, batch) == ["repeated"] * 3 + ["stored"] * 3
    assert store(casino_a, batch) == ["repeated"] * 6


def test_counts_are_exact_by_hour_and_outcome(casino_a, casino_b):
    letters: list[Any] = []
    batch = decoded_messages(USERS, user(id=1), b"{", user(id=2), user(id=3), b"[]", b"}")
    store(casino_a, batch, send_to_dead_letters=letters.extend)
    store(casino_a, users(3, 8), now=NOW + timedelta(seconds=1), send_to_dead_letters=letters.extend)
    store(casino_a, users(8, 10), now=NOW + timedelta(hours=1), send_to_dead_letters=letters.extend)
    assert counts(casino_a) == {
        ("users", HOUR, "stored"): 3 + 2,
        ("users", HOUR, "malformed"): 2,
        ("users", HOUR, "wrong_type"): 1,
        ("users", HOUR, "repeated"): 3,
        ("users", HOUR + timedelta(hours=1), "stored"): 2,
    }
    assert counts(casino_b) == {}


def test_counts_of_rejections_have_the_last_place_and_detail(casino_a):
    letters: list[Any] = []
    later = NOW + timedelta(microseconds=1)
    store(casino_a, decoded_messages(USERS, b"{", user()), send_to_dead_letters=letters.extend)
    store(casino_a, decoded_messages(USERS, b"}", user(), first=2), now=later, send_to_dead_letters=letters.extend)
    with use_casino(casino_a.current):
        malformed = MessageCount.objects.get(outcome="malformed")
        stored = MessageCount.objects.get(outcome="stored")
    assert (malformed.is_rejection, malformed.count, malformed.last_at) == (True, 2, later)
    assert malformed.last_place == f"here/users/0/2@{SENT_AT}"
    assert malformed.last_detail == letters[-1].rejection.detail != ""
    assert (stored.is_rejection, stored.last_place, stored.last_detail) == (False, "", "")


def test_rows_ledger_and_counts_are_rolled_back_together(casino_a):
    """An error after the rows are written."""

    class Stop(Exception):
        pass

    def stop(results):
        raise Stop

    with pytest.raises(Stop):
        store(casino_a, decoded_messages(USERS, user(), b"{"), send_to_dead_letters=stop)
    with use_casino(casino_a.current):
        assert [each.objects.count() for each in (User, PartitionOffset, MessageCount)] == [0, 0, 0]


def test_full_batch_needs_few_queries(casino_a, django_assert_max_num_queries):
    store(casino_a, users(0, 1))
    batch = [message for partition in range(3) for message in users(1, 500, partition=partition)]
    with django_assert_max_num_queries(0, using="default"), django_assert_max_num_queries(15, using="casino_1"):
        store(casino_a, batch)

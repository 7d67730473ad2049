"""Messages of a casino with an unavailable database are parked in their order. Rows are really committed."""

import pytest

from ingestion.consumer.consumer import TopicConsumer
from ingestion.messages.envelope import header
from ingestion.parking.parking import PREFIX, unpark
from ingestion.status.parked import list_parked
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.kafka_client import Until, committed, consume, read_named, rewind, send, send_raw
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.tests.factories import UserFactory
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def run_until(topic, is_done):
    """A consumer that has run until `is_done`."""
    consumer: TopicConsumer = TopicConsumer(topic, Until(lambda: is_done(consumer)))
    consumer.run()
    assert is_done(consumer), consumer.counts
    return consumer


def has(expected):
    """A condition: the consumer has counted at least these numbers."""
    return lambda consumer: all(consumer.counts[key] >= count for key, count in expected.items())


def names(casino):
    with use_casino(casino.current):
        return dict(User.objects.values_list("id", "name"))


def counted(casino):
    """(coupons, the profiles' sum of coupons, the profiles' sum of stakes)."""
    with use_casino(casino.current):
        profiles = list(UserProfile.objects.values_list("coupon_count", "stake_total"))
        coupons = PurchasedCoupon.objects.count()
    return coupons, sum(count for count, _ in profiles), sum(stake for _, stake in profiles)


@pytest.fixture
def user_7(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory(id=7)


def test_messages_of_an_unavailable_casino_are_parked_and_the_others_stored(broker, casino_a, casino_b):
    with database_unavailable(casino_b):
        send(USERS, [(1 + number % 2, user(id=1 + number)) for number in range(10)])
        assert consume(USERS, 10).counts == {(1, "stored"): 5, (2, "parked"): 5}
        assert len(names(casino_a)) == 5
    assert committed(USERS) == {0: 10}
    assert names(casino_b) == {}


def test_parked_message_is_unchanged_and_has_its_place_and_reason(broker, casino_a, casino_b):
    with database_unavailable(casino_b):
        send(USERS, [(2, b"\xff\x00"), (2, None), (2, user())], partition=1)
        consume(USERS, 3)
    parked = read_named(USERS.parked, 3)
    assert [(each.partition(), each.value()) for each in parked][:2] == [(1, b"\xff\x00"), (1, None)]
    for offset, message in enumerate(parked):
        envelope = unpark(message)
        assert envelope is not None
        assert (envelope.place.topic, envelope.place.partition, envelope.place.offset) == ("users", 1, offset)
        assert (envelope.casino_id, envelope.headers) == (2, [("casino_id", b"2")])
        assert b"does not exist" in (header(message.headers(), f"{PREFIX}reason") or b"")


@pytest.mark.covered
def test_parked_messages_are_stored_once_when_the_database_is_available_again(broker, casino_a, casino_b, user_7):
    with database_unavailable(casino_b) as restore:
        for partition in range(3):
            send(COUPONS, [(casino, coupon(stake=2)) for casino in (2, 1) for _ in range(20)], partition=partition)

        def is_done(consumer):
            if has({(2, "parked"): 60, (1, "stored"): 60})(consumer):
                restore()
            return has({(2, "stored"): 60})(consumer)

        counts = run_until(COUPONS, is_done).counts
    assert counts == {(1, "stored"): 60, (2, "parked"): 60, (2, "stored"): 60}
    assert counted(casino_a) == counted(casino_b) == (60, 60, 120)


def test_later_messages_are_parked_behind_earlier_ones(broker, casino_a, casino_b):
    """The last of several messages with equal timestamps wins, so the name shows the order."""
    with database_unavailable(casino_b) as restore:
        send(USERS, [(2, user(name=f"Early {number}")) for number in range(5)])
        steps = iter(range(5))

        def is_done(consumer):
            if has({(2, "parked"): 5})(consumer) and next(steps, None) == 0:
                restore()
                send(USERS, [(2, user(name=f"Late {number}")) for number in range(5)] + [(1, user())])
            return consumer.counts.total() >= 21

        counts = run_until(USERS, is_done).counts
    assert counts[1, "stored"] == 1
    assert counts[2, "parked"] == 10
    assert counts[2, "stored"] + counts[2, "updated"] + counts[2, "duplicate"] == 10
    assert names(casino_b) == {7: "Late 4"}
    send(USERS, [(2, user(id=8))])
    run_until(USERS, has({(2, "stored"): 1}))
    assert names(casino_b) == {7: "Late 4", 8: "Ada"}


def test_two_casinos_become_available_one_after_the_other(broker, casino_a, casino_b):
    send(USERS, [(1 + number % 2, user(id=1 + number)) for number in range(20)])
    with database_unavailable(casino_b) as restore_b:
        with database_unavailable(casino_a):
            assert consume(USERS, 20).counts == {(1, "parked"): 10, (2, "parked"): 10}
        assert run_until(USERS, has({(1, "stored"): 10})).counts == {(1, "stored"): 10}
        assert len(names(casino_a)) == 10
        restore_b()
    counts = run_until(USERS, has({(2, "stored"): 10})).counts
    assert (counts[2, "stored"], counts[1, "stored"]) == (10, 0)
    assert len(names(casino_b)) == 10


@pytest.mark.covered
def test_restarted_consumer_finds_parked_messages(broker, casino_a, casino_b, user_7):
    send(COUPONS, [(2, coupon(stake=2)), (1, coupon(stake=2))])
    with database_unavailable(casino_b):
        consume(COUPONS, 2)
        send(COUPONS, [(2, coupon(stake=3)), (1, coupon(stake=3))])
        assert consume(COUPONS, 2).counts == {(2, "parked"): 1, (1, "stored"): 1}
    assert run_until(COUPONS, has({(2, "stored"): 2})).counts == {(2, "stored"): 2}
    assert counted(casino_a) == counted(casino_b) == (2, 2, 5)
    TopicConsumer(COUPONS, Until(lambda: False), idle_exit=0.5).run()
    assert counted(casino_b) == (2, 2, 5)


@pytest.mark.covered
def test_message_parked_twice_is_stored_once(broker, casino_a, casino_b, user_7):
    """A crash between parking and the commit has this effect."""
    send(COUPONS, [(2, coupon(stake=2)) for _ in range(3)])
    with database_unavailable(casino_b):
        for _ in range(2):
            assert consume(COUPONS, 3).counts == {(2, "parked"): 3}
            rewind(COUPONS)
    counts = run_until(COUPONS, has({(2, "stored"): 3, (2, "repeated"): 3})).counts
    assert counts[2, "stored"] == 3
    assert counted(casino_b) == (3, 3, 6)


def place(partition, offset):
    return f'{{"cluster":"c","topic":"users","partition":{partition},"offset":{offset},"sent_at":0}}'.encode()


FOREIGN = [b"", b"{", b'["c", "users", 2, 0, 0]', b"[" * 10_000, place(2, 0), place(0, -1), place(0, 2**63)]


def test_foreign_messages_among_parked_ones_are_ignored(broker, casino_a, casino_b):
    def send_foreign():
        for text in FOREIGN:
            send_raw(USERS.parked, b"{}", [("casino_id", b"2"), ("parked.place", text)])

    send_foreign()
    with database_unavailable(casino_b):
        send(USERS, [(2, user()), (1, user())])
        assert consume(USERS, 2).counts == {(2, "parked"): 1, (1, "stored"): 1}
    send_foreign()
    assert [(each.casino_id, each.count) for each in list_parked([USERS])] == [(2, 1)]
    assert run_until(USERS, has({(2, "stored"): 1})).counts == {(2, "stored"): 1}


@pytest.mark.parametrize(
    "change",
    [
        {"state": CasinoState.CREATING},
        {"state": CasinoState.FAILED},
        {"state": CasinoState.REQUESTED},
        {"schema_version": ""},
    ],
    ids=str,
)
def test_messages_of_a_casino_are_parked_until_it_is_ready(broker, casino_a, casino_b, change):
    before = Casino.objects.filter(pk=2).values(*change).get()
    Casino.objects.filter(pk=2).update(**change)
    send(USERS, [(2, user()), (1, user())])
    assert consume(USERS, 2).counts == {(2, "parked"): 1, (1, "stored"): 1}
    Casino.objects.filter(pk=2).update(**before)
    assert run_until(USERS, has({(2, "stored"): 1})).counts == {(2, "stored"): 1}
    assert names(casino_b) == {7: "Ada"}


def test_parked_messages_of_a_deleted_casino_become_dead_letters(broker, casino_a, casino_b):
    send(USERS, [(2, user()), (2, user(id=8))])
    with database_unavailable(casino_b):
        consume(USERS, 2)
    Casino.objects.filter(pk=2).update(state=CasinoState.DELETED)
    assert run_until(USERS, has({(None, "unknown_casino"): 2})).counts == {(None, "unknown_casino"): 2}
    assert [(letter.casino_id, letter.reason) for letter in stored_letters()] == [(2, "unknown_casino")] * 2
    assert names(casino_b) == {}


def test_dead_letters_of_a_deleted_casino_are_written_once_while_another_is_unavailable(broker, casino_a, casino_b):
    send(USERS, [(1, user()), (2, user())])
    with database_unavailable(casino_a):
        with database_unavailable(casino_b):
            consume(USERS, 2)
        Casino.objects.filter(pk=2).update(state=CasinoState.DELETED)
        tries = []

        def is_done(consumer):
            """Whether casino 1 was tried three times."""
            outage = consumer._batches.circuit_breaker._outages.get(1)
            if outage is not None and outage.retry_at not in tries:
                tries.append(outage.retry_at)
            return len(tries) >= 3

        counts = run_until(USERS, is_done).counts
    assert counts == {(None, "unknown_casino"): 1}

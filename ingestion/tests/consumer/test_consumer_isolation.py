"""The contents of one casino's database stop no other casino. Rows are really committed."""

import zlib
from datetime import timedelta

import msgspec
import pytest
from django.utils import timezone

from ingestion.consumer.consumer import TopicConsumer
from ingestion.errors import SharedFailure
from ingestion.maintenance.expiry import CouponExpiry
from ingestion.maintenance.pruning import TallyMerging, TallyPruning
from ingestion.messages.envelope import CASINO_HEADER, Envelope, Headers, Place, pack
from ingestion.messages.results import MessageResult
from ingestion.storing import rejection_limit
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.kafka_client import Until, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon, user
from ingestion.tests.stored_letters import stored_letters
from ingestion.tests.storing.test_transaction import trigger
from ingestion.topics import COUPONS, USERS
from recommendations.models import CasinoTally, PendingCasinoSums, PurchasedCoupon, User, WaitingCoupon
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture
def user_7(casino_a, casino_b):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory(id=7)


def ids(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("id", flat=True))


def coupons(casino):
    with use_casino(casino.current):
        return PurchasedCoupon.objects.count()


def new_coupon():
    return coupon(timestamp=timezone.now().isoformat())


def old_sums(casino, sums):
    with use_casino(casino.current):
        PendingCasinoSums.objects.create(sums=sums, added_at=timezone.now() - timedelta(minutes=1))


@pytest.mark.covered
@pytest.mark.parametrize("sqlstate", ["CS001", "2D000"])
def test_trigger_with_an_sqlstate_of_its_own_parks_its_casinos_messages_only(broker, casino_a, casino_b, sqlstate):
    send(USERS, [(casino, user(id=number)) for number in (1, 2) for casino in (1, 2)])
    with trigger(f"RAISE 'no' USING ERRCODE = '{sqlstate}';"):
        assert consume(USERS, 4).counts == {(1, "parked"): 2, (2, "stored"): 2}
    assert (ids(casino_a), ids(casino_b)) == (set(), {1, 2})
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: consumer.counts[1, "stored"] >= 2))
    consumer.run()
    assert ids(casino_a) == {1, 2}
    assert stored_letters() == []


def test_reason_of_parking_is_in_the_readiness_and_the_log(broker, casino_a, casino_b, caplog):
    send(USERS, [(1, user()), (2, user())])
    answers = []

    def is_done():
        answers.append(consumer.health.ready())
        return consumer.counts.total() >= 2 and b"CS001" in answers[-1][2]

    consumer: TopicConsumer = TopicConsumer(USERS, Until(is_done))
    with trigger("RAISE 'never heard of' USING ERRCODE = 'CS001';"):
        consumer.run()
    status, _, body = answers[-1]
    assert (status, body.decode().strip()) == (
        200,
        "messages are stored, but those of casino 1 are parked: DatabaseError CS001: never heard of",
    )
    assert "messages of Alpha (casino 1) are parked: DatabaseError CS001: never heard of" in caplog.text


@pytest.mark.parametrize(("sqlstate", "outcome"), [("CS001", "parked"), ("P0001", "refused_by_database")])
def test_endless_error_message_of_a_casino_is_cut(broker, casino_a, casino_b, sqlstate, outcome):
    """The broker would reject a forwarded message with it in the headers."""
    send(USERS, [(1, user()), (2, user())])
    with trigger(f"RAISE USING MESSAGE = repeat('x', 9000000), ERRCODE = '{sqlstate}';"):
        assert consume(USERS, 2).counts == {(1, outcome): 1, (2, "stored"): 1}


def test_consumer_stops_for_unexpected_errors_of_nearly_all_casinos(broker, casino_a, casino_b, monkeypatch):
    monkeypatch.setattr(rejection_limit, "SEVERAL", 2)
    monkeypatch.setattr(rejection_limit, "WARM_UP_SECONDS", 0.0)
    send(USERS, [(1, user()), (2, user())])
    consumer: TopicConsumer = TopicConsumer(USERS, Until(lambda: False))
    body = "RAISE 'no' USING ERRCODE = 'CS001';"
    with (
        trigger(body),
        trigger(body, alias="casino_2"),
        pytest.raises(SharedFailure, match=r"casino 1, casino 2.*CS001: no"),
    ):
        consumer.run()
    assert consumer.counts == {}


UNREADABLE_SUMS = [
    b"\x0b\xad\xc0\xde",
    b"",
    zlib.compress(b"\x92\x00\x80")[:-3],
    zlib.compress(b"\x92\xc0\x80"),
    zlib.compress(msgspec.msgpack.encode([1e300, {}])),
    zlib.compress(b"\x92\x00" + b"\x81" * 5_000),
]


def test_unreadable_sums_of_a_casino_delay_no_message(broker, casino_a, casino_b, user_7, monkeypatch):
    monkeypatch.setattr(TallyPruning, "casinos", lambda self: [])  # so that storing finds them
    bomb = zlib.compress(b"\x00" * 500_000_000, 1)
    for sums in (*UNREADABLE_SUMS, bomb):
        old_sums(casino_a, sums)
    send(COUPONS, [(1, new_coupon()), (2, new_coupon())])
    assert consume(COUPONS, 2).counts == {(1, "stored"): 1, (2, "stored"): 1}
    assert coupons(casino_a) == coupons(casino_b) == 1
    with use_casino(casino_a.current):
        assert CasinoTally.objects.get(attribute="league").count == 1
        assert not PendingCasinoSums.objects.exists()


def test_unreadable_sums_of_a_casino_do_not_stop_maintenance(broker, casino_a, casino_b, user_7, caplog):
    send(COUPONS, [(casino, new_coupon()) for casino in (1, 2)])
    consume(COUPONS, 2)
    old_sums(casino_a, b"\x0b\xad\xc0\xde")
    TallyPruning(store_of_coupons()).step(timezone.now())
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            assert CasinoTally.objects.get(attribute="league").count == 1
    assert "Tallies of casino_1 lack the unreadable pending sums" in caplog.text


def test_maintenance_of_one_casino_that_fails_does_not_stop_the_others(broker, casino_a, casino_b, caplog):
    """Any error is caught, not only the database's."""
    done = []

    class Failing(TallyMerging):
        def casinos(self):
            return [casino_b, casino_a]

        def run(self, now):
            from tenants.routing.context import get_current_casino

            if get_current_casino().id == 1:
                raise ZeroDivisionError
            done.append(get_current_casino().id)
            return True

    Failing(store_of_coupons()).step(timezone.now())
    assert done == [2]
    assert "Alpha (casino 1): Failing failed and is postponed" in caplog.text


def store_of_coupons(report=lambda results: None):
    return CasinoStore(COUPONS, report)


def packed(*, casino=1, partition=0, topic="coupons", header_of=None):
    headers: Headers = [(CASINO_HEADER, str(header_of or casino).encode())]
    return pack(Envelope(Place("here", topic, partition, 5, 0), casino, None, b"{}", headers))


UNREADABLE_MESSAGES = [
    b"\xc1",
    b"",
    b"\x91" * 5_000,
    b"\x00" * 5_000_000,
    packed(casino=2),
    packed(header_of=2),
    packed(topic="users"),
]


def test_expired_coupons_with_unreadable_messages_wait_again(broker, casino_a, casino_b, caplog):
    count = len(UNREADABLE_MESSAGES)
    send(COUPONS, [(1, coupon(user_id=404, id=1 + number)) for number in range(count)])
    send(COUPONS, [(casino, coupon(user_id=404, id=100)) for casino in (1, 2)])
    consume(COUPONS, count + 2)
    with use_casino(casino_a.current):
        for number, message in enumerate(UNREADABLE_MESSAGES):
            WaitingCoupon.objects.filter(coupon_id=1 + number).update(message=message)
    results: list[MessageResult] = []
    expiry = CouponExpiry(COUPONS, store_of_coupons(results.extend))
    expiry.step(timezone.now() + timedelta(days=8))
    assert sorted(str(result.envelope.casino_id) for result in results) == ["1", "2"]
    assert sorted(str(letter.casino_id) for letter in stored_letters()) == ["1", "2"]
    with use_casino(casino_a.current):
        assert WaitingCoupon.objects.count() == count
    assert "casino_1: waiting coupons" in caplog.text


def test_garbage_of_a_casino_withholds_no_exclusion_of_its_users(broker, casino_a, settings, caplog):
    settings.INGESTION_REJECTION_WINDOW, settings.INGESTION_REJECTION_RUN = 20, 12
    send(USERS, [*[(1, b"{")] * 30, (1, user(status="SELF_EXCLUDED")), *[(1, b"{")] * 30])
    assert consume(USERS, 61).counts == {(1, "malformed"): 60, (1, "stored"): 1}
    with use_casino(casino_a.current):
        assert User.objects.get(id=7).status == "SELF_EXCLUDED"
    assert "users: casino 1 exceeds the rejection limit: 30 messages in a row are rejected" in caplog.text


def test_garbage_of_two_senders_delays_no_other_casino(broker, casino_a, casino_b, user_7, settings):
    settings.INGESTION_REJECTION_WINDOW, settings.INGESTION_REJECTION_RUN = 20, 12
    garbage = [(1, b"{"), (None, b"{")] * 30
    send(COUPONS, [*garbage, (2, new_coupon()), *garbage, (2, new_coupon()), (1, new_coupon())])
    counts = consume(COUPONS, 123).counts
    assert counts[2, "stored"] == 2
    assert counts[None, "no_casino"] == 60
    assert counts[1, "parked"] == 61
    assert {letter.reason for letter in stored_letters()} == {"no_casino"}

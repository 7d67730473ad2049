"""Expiry of coupons whose users never arrive. Rows are really committed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from ingestion.maintenance.expiry import CouponExpiry
from ingestion.messages.results import MessageResult
from ingestion.models import MessageCount
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.database_outages import database_unavailable
from ingestion.tests.decoded_messages import body_of
from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import COUPONS
from recommendations.models import PurchasedCoupon, WaitingCoupon
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


def expire(days):
    """The results of one step for all casinos, `days` days from now."""
    found: list[MessageResult] = []
    expiry = CouponExpiry(COUPONS, CasinoStore(COUPONS, found.extend))
    expiry.step(timezone.now() + timedelta(days=days))
    return found


def waiting_in(casino):
    with use_casino(casino.current):
        return WaitingCoupon.objects.count()


def test_expired_coupon_becomes_a_dead_letter_byte_for_byte(broker, casino_a, casino_b):
    body = coupon(id=5, user_id=404)
    send(COUPONS, [(1, body), (2, coupon(user_id=404))])
    assert consume(COUPONS, 2).counts == {(1, "waiting"): 1, (2, "waiting"): 1}
    assert expire(days=6) == []
    assert (waiting_in(casino_a), stored_letters()) == (1, [])
    assert sorted(each.envelope.casino_id for each in expire(days=8)) == [1, 2]
    assert waiting_in(casino_a) == waiting_in(casino_b) == 0
    [letter] = stored_letters(casino_id=1)
    assert (letter.reason, letter.row.field, letter.row.user_id) == ("unknown_user", "user_id", "404")
    assert letter.message.value == body_of(body)
    with use_casino(casino_a.current):
        assert not PurchasedCoupon.objects.exists()
        assert MessageCount.objects.get(is_rejection=True).outcome == "unknown_user"


def test_expired_coupons_of_a_mapped_document_are_a_dead_letter_of_their_users(broker, casino_a):
    fields = {"id": "no", "user_id": "player", "stake": "amount", "timestamp": "at"}
    selections = {"each": "picks", "fields": {"sport": "sport", "home_team": "home", "away_team": "away", "odd": "odd"}}
    mapping = {"messages": "coupons", "each": "bets", "fields": fields | {"recommended_events": selections}}
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"coupons": mapping}})
    pick = {"sport": "FOOTBALL", "home": "A", "away": "B", "odd": 2}
    bet = {"amount": 5, "at": "2026-01-01", "picks": [pick]}
    send(COUPONS, [(1, {"user_id": 8, "bets": [bet | {"no": 1, "player": "sr:1"}, bet | {"no": 2, "player": 2}]})])
    assert consume(COUPONS, 1).counts == {(1, "waiting"): 1}
    expire(days=8)
    [letter] = stored_letters()
    assert letter.row.user_ids == ["sr:1", "2"]


def test_coupons_expire_later_while_the_casino_has_too_many_dead_letters(broker, casino_a, casino_b, settings):
    settings.DEAD_LETTERS = 1
    send(COUPONS, [(1, b"{"), (1, coupon(user_id=404)), (2, coupon(user_id=404))])
    consume(COUPONS, 3)
    assert [each.envelope.casino_id for each in expire(days=8)] == [2]
    assert waiting_in(casino_a) == 1
    settings.DEAD_LETTERS = 2
    assert [each.envelope.casino_id for each in expire(days=8)] == [1]


def test_coupons_of_an_unavailable_casino_expire_later(broker, casino_a, casino_b):
    send(COUPONS, [(2, coupon(user_id=404)), (1, coupon(user_id=404))])
    consume(COUPONS, 2)
    with database_unavailable(casino_b):
        assert [each.envelope.casino_id for each in expire(days=8)] == [1]
    assert [each.envelope.casino_id for each in expire(days=8)] == [2]

"""The constraints of the tables reject invalid rows from any writer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from recommendations.models import Event, EventTeam, OfferVersion, PurchasedCoupon, Team, User, UserProfile
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino

from .factories import CouponFactory, EventFactory, UserFactory

BEGIN = datetime(2050, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


@pytest.mark.parametrize(
    ("factory", "fields", "constraint"),
    [
        (UserFactory, {"id": 0}, "user_id_positive"),
        (UserFactory, {"id": -1}, "user_id_positive"),
        (UserFactory, {"birth_year": 1899}, "user_birth_year_plausible"),
        (UserFactory, {"birth_year": 2101}, "user_birth_year_plausible"),
        (EventFactory, {"id": 0}, "event_id_positive"),
        (EventFactory, {"odd": Decimal(1)}, "event_odd_above_one"),
        (EventFactory, {"odd": Decimal(-5)}, "event_odd_above_one"),
        (EventFactory, {"begin_timestamp": BEGIN, "end_timestamp": BEGIN}, "event_begins_before_it_ends"),
        (
            EventFactory,
            {"begin_timestamp": BEGIN, "end_timestamp": BEGIN - timedelta(hours=1)},
            "event_begins_before_it_ends",
        ),
        (EventFactory, {"home_team": "A", "away_team": "A"}, "event_teams_differ"),
        (CouponFactory, {"id": 0, "user_id": 1}, "coupon_id_positive"),
        (CouponFactory, {"stake": Decimal("-0.01"), "user_id": 1}, "coupon_stake_not_negative"),
        (UserProfile.objects, {"stake_total": Decimal(10**16), "user_id": 1}, "profile_stake_total_in_range"),
    ],
)
def test_an_invalid_row_is_rejected(factory, fields, constraint):
    with pytest.raises(IntegrityError, match=constraint), casino_atomic():
        factory.create(**fields)


def test_the_tables_take_any_currency_and_gender():
    UserFactory.create(id=1, currency="CHF", gender="X")
    assert User.objects.filter(currency="CHF", gender="X").exists()


def test_a_team_is_unique_per_sport_country_and_category():
    team = {"name": "ARSENAL", "sport": "FOOTBALL", "country": "ENGLAND", "category": ""}
    for other in ({}, {"sport": "HANDBALL"}, {"country": "ARGENTINA"}, {"category": "WOMEN"}):
        Team.objects.create(**team | other)
    with pytest.raises(IntegrityError, match="team_unique"), casino_atomic():
        Team.objects.create(**team)


def test_a_link_of_event_and_team_is_unique():
    event, team = EventFactory.create(), Team.objects.create(name="ARSENAL", sport="FOOTBALL")
    EventTeam.objects.create(event=event, team=team)
    with pytest.raises(IntegrityError, match="event_team_unique"), casino_atomic():
        EventTeam.objects.create(event=event, team=team)


def test_a_user_has_one_profile():
    UserProfile.objects.create(user_id=1)
    with pytest.raises(IntegrityError, match="user_id"), casino_atomic():
        UserProfile.objects.create(user_id=1)


def test_the_offer_has_one_version():
    with pytest.raises(IntegrityError, match="offer_version_one_row"), casino_atomic():
        OfferVersion.objects.create(id=2, version=5)


def test_coupons_and_profiles_can_be_inserted_before_their_user():
    CouponFactory.create(user_id=404)
    UserProfile.objects.create(user_id=404)
    assert PurchasedCoupon.objects.get().user_id == 404


def test_deleting_a_user_deletes_coupons_and_profile():
    user = UserFactory.create()
    CouponFactory.create(user=user)
    UserProfile.objects.create(user=user)
    user.delete()
    assert not PurchasedCoupon.objects.exists()
    assert not UserProfile.objects.exists()


def test_amounts_are_decimals_and_times_are_aware():
    CouponFactory.create(user_id=1, stake=Decimal("0.10"))
    event, coupon = EventFactory.create(odd=Decimal("1.001")), PurchasedCoupon.objects.get()
    event.refresh_from_db()
    assert (event.odd, type(coupon.stake)) == (Decimal("1.001"), Decimal)
    assert event.begin_timestamp.tzinfo is not None


def test_rows_have_a_readable_name():
    user, event = UserFactory.create(name="Ada"), EventFactory.create(home_team="A", away_team="B")
    team = Team.objects.create(name="A", sport="FOOTBALL")
    link = EventTeam.objects.create(event=event, team=team)
    coupon, profile = CouponFactory.create(user=user), UserProfile.objects.create(user=user)
    assert [str(user), str(event), str(team)] == ["Ada Lovelace", "A - B", "A (FOOTBALL)"]
    assert str(link) == f"event {event.pk}, team {team.pk}"
    assert str(coupon) == f"coupon {coupon.pk} of user {user.pk}"
    assert str(profile) == f"profile of user {user.pk}"
    assert str(OfferVersion(version=7)) == "7"


def test_equal_ids_in_two_casinos_are_different_users(casino_b):
    first = UserFactory.create(id=1)
    with use_casino(casino_b.current, switch=True):
        assert User.objects.count() == 0
        assert UserFactory.create(id=1) != first


def test_a_queryset_reads_the_casino_of_its_creation(casino_b):
    EventFactory.create()
    events = Event.objects.all()
    with use_casino(casino_b.current, switch=True):
        assert len(events) == 1

"""The public functions of this app."""

from datetime import timedelta

import pytest

from recommendations.errors import CasinoNotConfigured, InvalidConfiguration, NoOpenEvents, UserNotFound
from recommendations.models import PurchasedCoupon
from recommendations.services import configure, purchase, recommend_mapped
from tenants.errors import NoCurrentCasino
from tenants.routing.context import use_casino

from .factories import EventFactory, UserFactory
from .recommend import recommend

SCHEMA = {"id": "int", "events": {"type": "list", "source_field": "recommended_events"}}


def test_configure_stores_the_expanded_schema_and_the_time(casino_a, now):
    configure(casino=casino_a, recommender_type="static", recommendation_schema=SCHEMA, now=now)
    casino_a.refresh_from_db()
    assert casino_a.recommendation_schema["id"] == {"type": "int", "source_field": "id"}
    assert (casino_a.recommender_type, casino_a.timestamp, casino_a.is_configured) == ("static", now, True)


@pytest.mark.parametrize(
    ("name", "schema"), [("oracle", SCHEMA), ("static", {"x": "int"}), ("static", {}), (None, SCHEMA), ("", None)]
)
def test_a_rejected_configuration_changes_nothing(casino_a, now, name, schema):
    configure(casino=casino_a, recommender_type="dynamic", recommendation_schema=SCHEMA, now=now)
    before = (casino_a.recommender_type, casino_a.recommendation_schema, casino_a.timestamp)
    with pytest.raises(InvalidConfiguration):
        configure(casino=casino_a, recommender_type=name, recommendation_schema=schema, now=now + timedelta(1))
    assert (casino_a.recommender_type, casino_a.recommendation_schema, casino_a.timestamp) == before
    casino_a.refresh_from_db()
    assert (casino_a.recommender_type, casino_a.recommendation_schema, casino_a.timestamp) == before


def test_configure_changes_only_the_configuration(casino_a, now):
    type(casino_a).objects.filter(pk=casino_a.pk).update(name="Renamed meanwhile")
    configure(casino=casino_a, recommender_type="static", recommendation_schema=SCHEMA, now=now)
    casino_a.refresh_from_db()
    assert casino_a.name == "Renamed meanwhile"


def test_every_process_uses_a_new_configuration(casino_a, now, settings, caller_a, django_capture_on_commit_callbacks):
    casino_a.recommender_type, casino_a.recommendation_schema = "static", {"id": {"type": "int", "source_field": "id"}}
    casino_a.save()
    settings.CATALOGUE_LEASE_SECONDS = 0.3
    assert caller_a.get("/config").json()["recommender_type"] == "static"  # as another process would
    with django_capture_on_commit_callbacks(execute=True):
        configure(casino=casino_a, recommender_type="soonest", recommendation_schema=SCHEMA, now=now)
    assert caller_a.get("/config").json()["recommender_type"] == "soonest"


def test_an_unconfigured_casino_gets_no_recommendation(casino_a, now):
    with use_casino(casino_a.current), pytest.raises(CasinoNotConfigured):
        recommend_mapped(casino=casino_a, user_ids=[1], now=now)


def test_recommending_requires_a_current_casino(casino_a, now):
    configure(casino=casino_a, recommender_type="static", recommendation_schema=SCHEMA, now=now)
    with pytest.raises(NoCurrentCasino):
        recommend_mapped(casino=casino_a, user_ids=[1], now=now)
    with pytest.raises(NoCurrentCasino):
        purchase(user_id=1, now=now)


def test_random_events_change_with_the_hour(casino_a, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        EventFactory.create_batch(60)
        slips = set()
        for hour in range(5):
            later = now + timedelta(hours=hour)
            slip = recommend(casino_id=1, recommender_type="dynamic", user_id=1, now=later)
            slips.add(slip.recommended_events)
    assert len(slips) > 2


def test_two_users_get_different_events_of_the_same_sport(casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create_batch(60)
        slips = set()
        for user_id in range(1, 6):
            UserFactory.create(id=user_id)
            slip = recommend(casino_id=1, recommender_type="dynamic", user_id=user_id, now=now)
            slips.add(slip.recommended_events)
    assert len(slips) > 2


def test_every_recommendation_has_a_unique_id(casino_a, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        slips = [recommend(casino_id=1, recommender_type="static", user_id=1, now=now) for _ in range(2)]
    assert slips[0].recommendation_id != slips[1].recommendation_id


def test_purchase_works_with_fewer_than_three_events(casino_a, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        EventFactory.create_batch(2)
        assert len(purchase(user_id=1, now=now)) == 3
        assert {len(coupon.recommended_events) for coupon in PurchasedCoupon.objects.all()} == {2}


def test_purchase_requires_a_user_and_open_events(casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create()
        with pytest.raises(UserNotFound):
            purchase(user_id=1, now=now)
        UserFactory.create(id=1)
        with pytest.raises(NoOpenEvents):
            purchase(user_id=1, now=now + timedelta(days=2))
        assert not PurchasedCoupon.objects.exists()

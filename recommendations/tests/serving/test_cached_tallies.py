"""A user's tallies that a process keeps are used only while the database has them, and then no longer read."""

import gc
from decimal import Decimal
from uuid import UUID

import pytest
from django.utils import timezone
from msgspec.structs import replace

from recommendations import services
from recommendations.models import PurchasedCoupon, UserTallies
from recommendations.recommenders.base import ScoringContext
from recommendations.recommenders.registry import RECOMMENDERS, get_recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import build_user_context, find
from recommendations.storing import store_coupons
from recommendations.storing.erasure import erase_user
from recommendations.storing.removal import remove_coupons
from recommendations.storing.user_tallies import MERGE_AT, rebuild_users
from recommendations.tallies.selections import TallyCoupon, TallySelection
from recommendations.tallies.tallies_cache import tallies_cache
from recommendations.tallies.user_tallies import Tallies
from recommendations.tallies.user_tallies_sql import TALLIES_VERSION
from recommendations.tests.factories import EventFactory, UserFactory, coupon_row, removal, selection_row
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow


@pytest.fixture
def user(casino_a):
    """Who bet on events of the first of three leagues."""
    with use_casino(casino_a.current):
        for league in "ABC":
            EventFactory.create_batch(2, league=league)
        user = UserFactory.create(id=1)
        bet_on("A", id=1)
        bet_on("A", id=2)
        yield user


def bet_on(league, *, count=1, **changes):
    selections = (selection_row(league=league, home_team="H"),)
    store_coupons([coupon_row(recommended_events=selections, **changes) for _ in range(count)])


def request(name, now, *, needs_reasons=False):
    return RecommendationRequest(1, get_recommender(name), now, needs_reasons=needs_reasons)


def found_user(asked):
    return find([1], asked.now, asked.hour, asked.needs).users[1]


def answer(name, now, user_id=1):
    [answer] = services.recommend(request(name, now), [user_id])
    return replace(answer, recommendation_id=UUID(int=0))


def write_tallies():
    tallies, selections = Tallies(), [TallySelection("FOOTBALL", "B", "ENGLAND", "H", "A")]
    tallies.add(*(TallyCoupon(key, 1e9, 1.0, selections) for key in range(9)))
    UserTallies.objects.create(user_id=1, tallies=tallies.encode())


def write_coupons():
    PurchasedCoupon.objects.update(stake=77)
    rebuild_users([1])


CHANGES = {
    "a coupon": lambda: bet_on("B", stake=Decimal(30)),
    "merged coupons": lambda: bet_on("B", stake=Decimal(30), count=MERGE_AT),
    "a removed coupon": lambda: remove_coupons([removal(1, 10**7)]),
    "tallies written by others": write_tallies,
    "coupons written by others": write_coupons,
}


@pytest.mark.covered
@pytest.mark.parametrize("name", RECOMMENDERS)
@pytest.mark.parametrize("change", CHANGES)
def test_after_a_change_an_answer_is_that_of_a_new_process(user, now, name, change):
    before = answer(name, now)
    assert answer(name, now) == before
    CHANGES[change]()
    after = answer(name, now)
    tallies_cache.reset()
    assert after == answer(name, now)
    assert name != "hybrid" or after != before


@pytest.mark.parametrize("name", [each for each in RECOMMENDERS if each != "neighbours"])  # it has no model here
def test_tallies_that_are_kept_are_not_read(user, now, name, django_assert_num_queries):
    before, _ = answer(name, now), answer(name, now)  # the first may write pairs into the profile
    found = found_user(request(name, now))
    assert found.kept is not None
    assert (found.packed_tallies, found.pending_coupons) == (None, None)
    with django_assert_num_queries(1, connection=casino_connection()):
        assert answer(name, now) == before
    assert found_user(request(name, now, needs_reasons=True)).pending_coupons is not None


def test_tallies_are_read_for_what_is_not_kept_of_them(user, now):
    answer("static", now)
    for name, is_read in {"soonest": False, "inference_score": True, "hybrid": True}.items():
        assert (found_user(request(name, now)).pending_coupons is not None) == is_read
        answer(name, now)
        assert found_user(request(name, now)).pending_coupons is None


def test_values_that_are_new_in_the_offer_are_found_in_tallies_that_are_read_late(user, now, django_assert_num_queries):
    """Only for the first user: then the process knows that what it keeps of the others is of another offer."""
    UserFactory.create(id=2)
    for user_id in (1, 2):
        bet_on("NEW", count=3, user_id=user_id)
        answer("hybrid", now, user_id)
    event = EventFactory.create(league="NEW")
    for user_id, queries in ((1, 2), (2, 1), (1, 1)):
        with django_assert_num_queries(queries, connection=casino_connection()):
            late = answer("hybrid", now, user_id)
        assert late.recommended_events[0].event_id == event.pk
    tallies_cache.reset()
    assert late == answer("hybrid", now)


def test_unreadable_tallies_that_are_read_late_are_counted_from_the_coupons(user, now):
    answer("hybrid", now)
    found, counts = found_user(request("hybrid", now)), found_user(request("hybrid", now, needs_reasons=True)).tallies()
    UserTallies.objects.create(user_id=1, tallies=b"\x91\x63")
    assert found.tallies().encode() == counts.encode()


@pytest.mark.covered
@pytest.mark.parametrize("name", RECOMMENDERS)
def test_what_a_request_computed_is_freed_at_its_end(user, now, name):
    """Without the garbage collector, which comes rarely: a context has arrays of all events."""
    answer(name, now)
    gc.collect()
    gc.disable()
    try:
        answer(name, now)
        assert not any(isinstance(each, ScoringContext) for each in gc.get_objects())
    finally:
        gc.enable()


def test_bets_of_an_erased_user_are_not_those_of_a_new_one(casino_a, now, monkeypatch):
    """Not even if they were stored between a request's query and its late reading of tallies."""
    with use_casino(casino_a.current):
        for league in "ABC":
            EventFactory.create_batch(2, league=league)
        UserFactory.create(id=1)
        answer("hybrid", now)
        EventFactory.create_batch(2, league="NEW")
        with monkeypatch.context() as patched:
            patched.setattr(
                services, "build_user_context", lambda *args: (bet_on("NEW", count=3), build_user_context(*args))[1]
            )
            answer("hybrid", now)
        erase_user(1, timezone.now())
        UserFactory.create(id=1)
        after = answer("hybrid", now)
        tallies_cache.reset()
        assert after == answer("hybrid", now)


def test_a_row_of_a_database_that_was_set_back_has_another_version(casino_a):
    def version(**columns):
        profile = {"id": "1", "user_id": "7", "ctid": "tid '(0,2)'", "xmin": "xid '731'", "coupon_count": "1"}
        columns = profile | {"last_updated": "timestamptz '2049-01-01'"} | columns
        profile_columns = ", ".join(f"{value} AS {name}" for name, value in columns.items())
        sql = f"SELECT {TALLIES_VERSION} FROM (SELECT 7 AS id) AS users, (SELECT {profile_columns}) AS profile"
        return casino_connection().query_prepared(sql, {})[0][0]

    with use_casino(casino_a.current):
        [[start]] = casino_connection().query_prepared("SELECT pg_postmaster_start_time()::text", {})
        assert start in version() == version()
        assert version(id="NULL") is None
        for change in ({"coupon_count": "2"}, {"last_updated": "NULL"}, {"xmin": "xid '732'"}, {"ctid": "tid '(0,3)'"}):
            assert version(**change) != version(), change

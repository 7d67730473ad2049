"""The contract of every recommender in a casino whose events have markets, and no odd of their own."""

from datetime import timedelta

import numpy as np
import pytest

from recommendations.models import Event, Market
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.options import Options
from recommendations.serving.request_filters import RequestFilters
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, offer_of, selection
from recommendations.tests.prices.market_rows import ONE_X_TWO, market
from recommendations.tests.recommend import recommend
from recommendations.tests.recommenders.test_recommenders import FULL_PROFILE, context
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import grid

pytestmark = [pytest.mark.slow, pytest.mark.covered]

TOTALS = {"OVER": 1.91, "UNDER": 1.95}


@pytest.fixture(params=RECOMMENDERS)
def name(request):
    return request.param


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
        for event in EventFactory.create_batch(5):
            market(event.pk, {"ELSEWHERE": 2.0}, name="ELSEWHERE")
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        bets = [selection(market="TOTALS", line="2.5", outcome="UNDER", odd=1.95)] * 3
        TalliedCouponFactory.create_batch(4, user_id=1, recommended_events=bets)
        yield


def add_events(number):
    for event in EventFactory.create_batch(number, odd=None, is_withheld=True, lacks_odd=True):
        market(event.pk, ONE_X_TWO)
        market(event.pk, TOTALS, name="TOTALS", line="2.5")


def slip(name, now, limit=3, **options):
    filters = RequestFilters(limit=limit)
    return recommend(
        casino_id=1, recommender_type=name, user_id=1, now=now, options=Options(**options), filters=filters
    )


def test_events_without_an_odd_get_finite_scores(name):
    odds = [2.5, float("nan"), 1.5, float("nan")]
    scores = RECOMMENDERS[name].score(context(offer_of(*({"odd": odd} for odd in odds)), FULL_PROFILE, 1))
    assert np.isfinite(scores).all()


@pytest.mark.scaled
@pytest.mark.parametrize(("name", "limit"), grid(RECOMMENDERS, [1, 3, 7]))
def test_there_are_exactly_n_legs_of_different_events_with_an_open_price(name, now, limit):
    add_events(8)
    legs = slip(name, now, limit).recommended_events
    assert len({leg.event_id for leg in legs}) == limit
    assert {leg.market for leg in legs} <= {"1X2", "TOTALS"}
    assert all(leg.odd == (ONE_X_TWO | TOTALS)[leg.outcome] for leg in legs)


def test_no_leg_is_suspended_and_what_is_open_fills_the_slip(name, now):
    add_events(12)
    events = list(Event.objects.order_by("pk").values_list("pk", flat=True))
    Market.objects.filter(event_id__in=events[:9]).update(status="suspended")
    assert {leg.event_id for leg in slip(name, now).recommended_events} == {*events[9:]}


def test_the_same_prices_give_the_same_legs_within_the_hour(name, now):
    add_events(8)
    hour = now.replace(minute=0, second=0, microsecond=0)
    first, second = (slip(name, hour + timedelta(minutes=each), max_live_price_age_seconds=None) for each in (5, 50))
    legs = [[(leg.event_id, leg.market, leg.outcome) for leg in each.recommended_events] for each in (first, second)]
    assert legs[0] == legs[1] != []


def test_no_event_begins_before_its_margin_and_none_is_live(name, now):
    add_events(4)
    begun = Event.objects.order_by("pk")[:2].values_list("pk", flat=True)
    Event.objects.filter(pk__in=list(begun)).update(begin_timestamp=now - timedelta(minutes=1))
    assert len(slip(name, now).recommended_events) == 2


def test_closed_markets_give_an_empty_slip(name, now):
    add_events(3)
    Market.objects.update(status="closed")
    served = slip(name, now)
    assert (served.recommended_events, served.stake, served.total_odds) == ((), 0, 0)

"""The last event of a slip that is drawn: by the logged probability, once an hour, and by all rules of a slip."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from recommendations import services
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from recommendations.serving.options import Options, Selectors
from recommendations.tests.factories import EventFactory, UserFactory, offer_of
from recommendations.tests.prices.market_rows import ONE_X_TWO, market
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

from .test_slip_rules import NOW, check, random_event, random_options, random_profile, random_trends, random_user

SLIPS, SLIPS_AN_OFFER = scaled(800, 2_400), 20
OFFER = CasinoContext(offer_of(*({"begin_timestamp": NOW + timedelta(hours=hours)} for hours in range(1, 11))))
STATIC = RECOMMENDERS["static"]


def slip_of(user_id, *, explore, now=NOW, options=None):
    request = RecommendationRequest(1, STATIC, now, options or Options(), explore=explore)
    context = UserContext(user_id, user_id, None, random_profile(random.Random(1)))
    return build_recommendation(request, context, OFFER, UUID(int=0)).recommended_events


def ids(events):
    return [each.event_id for each in events]


@pytest.mark.no_cover
@pytest.mark.scaled
def test_no_drawn_slip_breaks_a_rule():
    rng, drawn = random.Random("draws"), Counter[bool]()
    for _ in range(SLIPS // SLIPS_AN_OFFER):
        events = [random_event(rng) for _ in range(rng.choice([3, 12, 40, 120]))]
        casino_context = CasinoContext(offer_of(*events), random_trends(rng, len(events)))
        for user_id in rng.sample(range(1, 10**9), SLIPS_AN_OFFER):
            options = replace(random_options(rng, len(events)), event_limit=rng.randint(1, 4))
            recommender = rng.choice([*RECOMMENDERS.values()])
            request = RecommendationRequest(1, recommender, NOW, options, explore=1.0)
            user_context = UserContext(user_id, user_id, rng.choice([None, random_user(rng)]), random_profile(rng))
            check(events, request, user_context, casino_context, {})
            drawn[_keeps_other_events(request, user_context, casino_context)] += 1
    assert drawn[True] > SLIPS / 50  # else nothing was tested


def _keeps_other_events(request, user_context, casino_context):
    """Whether the last event is another one than without a draw; the others never are, and the first candidate is
    the one that would be there."""
    drawn, plain = (
        build_recommendation(each, user_context, casino_context, UUID(int=0)).recommended_events
        for each in (request, replace(request, explore=0.0))
    )
    assert ids(drawn[:-1]) == ids(plain[:-1])
    if not drawn or not drawn[-1].candidates:
        assert drawn == plain
        return False
    assert drawn[-1].candidates[0] == plain[-1].event_id
    assert drawn[-1].event_id in drawn[-1].candidates
    return drawn[-1].event_id != plain[-1].event_id


@pytest.mark.no_cover
def test_events_are_drawn_as_often_as_their_propensity_says():
    users, shown, propensities = 4_000, Counter[int](), {}
    for user_id in range(1, users + 1):
        last = slip_of(user_id, explore=0.2)[-1]
        assert len(set(last.candidates)) == 5
        shown[last.event_id] += 1
        propensities[last.event_id] = last.propensity
    best, *others = slip_of(1, explore=0.2)[-1].candidates
    assert propensities == {best: pytest.approx(0.84), **dict.fromkeys(others, pytest.approx(0.04))}
    for event_id, propensity in propensities.items():
        assert shown[event_id] / users == pytest.approx(propensity, abs=0.02)


def test_a_slip_stays_the_same_within_an_hour():
    hour = NOW.replace(minute=0)
    slips = [
        [ids(slip_of(user, explore=1.0, now=hour + timedelta(minutes=each))) for user in range(50)]
        for each in (1, 59, 61)
    ]
    assert slips[0] == slips[1] != slips[2]


@pytest.mark.parametrize(
    "options",
    [Options(event_limit=11), Options(pinned=Selectors(events=(1, 2, 3)))],
    ids=["a slip that is not full", "a last event that is pinned"],
)
def test_is_not_drawn(options):
    for user in range(20):
        last = slip_of(user, explore=1.0, options=options)[-1]
        assert (last.propensity, last.candidates) == (None, ())


def test_fewer_events_than_five_share_the_probability():
    last = slip_of(1, explore=0.2, options=Options(event_limit=9))[-1]
    assert len(last.candidates) == 2
    is_best = last.event_id == last.candidates[0]
    assert last.propensity == pytest.approx(0.9 if is_best else 0.1)


def test_prices_of_what_may_be_drawn_are_read_with_the_others(casino_a, casino_b, django_assert_num_queries):
    with use_casino(casino_b.current):
        for event in EventFactory.create_batch(8):
            market(event.pk, {"ELSEWHERE": 9.0}, name="ELSEWHERE")
    with use_casino(casino_a.current):
        users = [user.pk for user in UserFactory.create_each({"id": each} for each in range(1, 31))]
        for number, event in enumerate(EventFactory.create_batch(9)):
            market(event.pk, ONE_X_TWO, status="suspended" if number == 5 else "open")
        request = RecommendationRequest(1, STATIC, datetime.now(UTC), Options(max_per_market=3), explore=1.0)
        services.recommend(replace(request, explore=0.0), users[:1])  # loads the offer, and prices of three events
        # users, prices, and the prices of what comes in place of the suspended event
        with django_assert_num_queries(3, connection=casino_connection()):
            slips = services.recommend(replace(request, now=datetime.now(UTC)), users)
    lasts = [each.recommended_events[-1] for each in slips]
    assert len({each.event_id for each in lasts}) == 5
    assert {(each.market, len(each.candidates)) for each in lasts} == {("1X2", 5)}
    shown = {event.event_id for each in slips for event in each.recommended_events}
    assert len(shown) == 7
    assert all(len(each.recommended_events) == 3 for each in slips)

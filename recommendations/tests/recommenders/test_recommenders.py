"""The contract of every recommender, first on arrays, then through a casino's database."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from recommendations import recommenders
from recommendations.errors import UserNotFound
from recommendations.models import User
from recommendations.offer import ATTRIBUTES
from recommendations.recommenders.base import BettingProfile, FittedModels, LazyTally, ScoringContext
from recommendations.recommenders.neighbours import fit
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.recommenders.similar import Similar
from recommendations.serving.request_filters import RequestFilters
from recommendations.tallies.trends import Trends
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, league, offer_of, team
from recommendations.tests.recommend import recommend
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

FULL_PROFILE = BettingProfile(
    country="ENGLAND",
    favorite_sport="FOOTBALL",
    favorite_pairs=(league(), league("GONE", sport="CHESS")),
    top_values=dict.fromkeys(ATTRIBUTES, ("ENGLAND", team("H1"))),
    counts={"home_team": {team("H1"): 3}, "odds_band": {"5": 3}},
    weights={"home_team": {team("H1"): 2.5, "GONE": 1.0}, "league": {league(): 2.0}, "odds_band": {"5": 2.0}},
)
TEAM, LEAGUE = f"team:{team('H1')}", f"league:{league()}"
MODEL = fit([{TEAM: 1.0, LEAGUE: 1.0}, {TEAM: 2.0, LEAGUE: 1.0}] * 3)
NOW = datetime(2049, 1, 1, tzinfo=UTC).timestamp()
STRANGE_PROFILE = BettingProfile("ATLANTIS", "CHESS", ("",), {"sport": (), "league": ("X",), "shoe size": ("1",)})


def context(offer, profile, seed):
    trends = Trends(
        weights={"sport": {"FOOTBALL": 5.0}, "home_team": {team("H1"): 2.0}},
        recent={"league": {league(): 3.0}},
        event_ids=np.array([2, 99]),
        event_trends=np.array([4.0, 1.0]),
    )
    return ScoringContext(offer, profile, now=NOW, hour=NOW, seed=(seed,), trends=trends, models=FittedModels(MODEL))


SCORERS = {**RECOMMENDERS, "similar": Similar()}  # which no casino configures


@pytest.fixture(params=RECOMMENDERS)
def name(request):
    return request.param


class TestScores:
    @pytest.fixture(params=SCORERS)
    def name(self, request):
        return request.param

    @pytest.fixture(params=[BettingProfile(), FULL_PROFILE, STRANGE_PROFILE], ids=["empty", "full", "strange"])
    def profile(self, request):
        return request.param

    @pytest.mark.parametrize("events", [0, 1, 2, 50])
    def test_every_event_gets_one_finite_score(self, name, profile, events):
        scores = SCORERS[name].score(context(offer_of(*[{}] * events), profile, 1))
        assert scores.shape == (events,)
        assert scores.dtype == np.float64
        assert np.isfinite(scores).all()

    def test_the_same_randomness_gives_the_same_scores(self, name, profile):
        offer = offer_of(*[{}] * 20)
        first, second = (SCORERS[name].score(context(offer, profile, 7)) for _ in range(2))
        assert np.array_equal(first, second)

    def test_one_that_is_not_personal_scores_alike_for_all_users(self, name, profile):
        offer, recommender = offer_of(*[{}] * 20), SCORERS[name]
        own, unknown = context(offer, profile, 7), context(offer, BettingProfile(), 8)
        is_alike = np.array_equal(recommender.score(own), recommender.score(unknown))
        assert is_alike or recommender.is_personal
        assert recommender.applies(own) == recommender.applies(unknown) or recommender.is_personal

    def test_events_that_are_over_do_not_change_the_order_of_the_others(self, name, profile):
        over = {"begin_timestamp": datetime(2048, 1, 1, tzinfo=UTC), "end_timestamp": datetime(2048, 1, 2, tzinfo=UTC)}
        offer = offer_of(over, *[{}] * 20, over)
        without = offer.keep(offer.ends > NOW)
        scores = SCORERS[name].score(context(offer, profile, 3))[1:-1]
        assert list(np.argsort(-scores)) == list(np.argsort(-SCORERS[name].score(context(without, profile, 3))))

    def test_scoring_does_not_change_the_offer(self, name, profile):
        offer, untouched = offer_of(*[{}] * 20), offer_of(*[{}] * 20)
        SCORERS[name].score(context(offer, profile, 1))
        for attribute in ("ids", "begins", "odds"):
            assert np.array_equal(getattr(offer, attribute), getattr(untouched, attribute))

    def test_name_class_and_file_agree(self, name):
        recommender = SCORERS[name]
        assert recommender.name == name
        assert type(recommender).__name__ == name.title().replace("_", "")
        assert type(recommender).__module__ == f"{recommenders.__name__}.{name}"
        assert (Path(recommenders.__path__[0]) / f"{name}.py").is_file()


def test_tallies_are_read_once(name):
    """Later requests find what was made of them: to read them takes longer than all else."""
    offer, recommender, memo = offer_of(*[{}] * 20), RECOMMENDERS[name], {"kept of": "this user"}
    unread = LazyTally(partial(pytest.fail, "The tallies are read again"))
    first, later = (
        context(offer, replace(FULL_PROFILE, memo=memo, **tallies), 7)
        for tallies in ({}, {"counts": unread, "weights": unread})
    )
    assert recommender.applies(first)
    scores = recommender.score(first)
    assert recommender.applies(later)
    assert np.array_equal(recommender.score(later), scores)


class TestSlips:
    @pytest.fixture(autouse=True)
    def _inside_casino_a(self, casino_a, casino_b):
        with use_casino(casino_b.current):
            UserFactory.create(id=2)
            EventFactory.create_batch(5, country="ELSEWHERE")
        with use_casino(casino_a.current):
            UserFactory.create(id=1)
            yield

    def recommend_by(self, name, now=None, **request):
        return recommend(casino_id=1, recommender_type=name, user_id=1, now=now or datetime.now(UTC), **request)

    def homes(self, recommendation):
        return [event.home_team for event in recommendation.recommended_events]

    def test_a_user_without_history_gets_three_events(self, name):
        EventFactory.create_batch(4)
        assert len(self.recommend_by(name).recommended_events) == 3

    def test_a_user_without_any_known_attribute_gets_three_events(self, name):
        User.objects.update(country="NOWHERE", favorite_sport="", favorite_league="")
        EventFactory.create_batch(4)
        assert len(self.recommend_by(name).recommended_events) == 3

    def test_an_empty_offer_gives_an_empty_slip(self, name):
        TalliedCouponFactory.create(user_id=1)
        assert self.recommend_by(name).recommended_events == ()

    @pytest.mark.parametrize("limit", [0, 1, 3, 7])
    def test_there_are_exactly_n_events_if_the_offer_has_them(self, name, limit):
        EventFactory.create_batch(7)
        assert len(self.recommend_by(name, filters=RequestFilters(limit=limit)).recommended_events) == limit

    @pytest.mark.parametrize("events", [1, 2])
    def test_a_small_offer_gives_a_shorter_slip(self, name, events):
        TalliedCouponFactory.create(user_id=1)
        EventFactory.create_batch(events)
        assert len(self.recommend_by(name).recommended_events) == events

    def test_no_event_comes_twice(self, name):
        EventFactory.create_batch(6)
        TalliedCouponFactory.create_batch(3, user_id=1)
        homes = self.homes(self.recommend_by(name, filters=RequestFilters(limit=10)))
        assert len(set(homes)) == len(homes) == 6

    def test_no_event_has_begun_not_even_one_loaded_before_it_began(self, name):
        now = datetime.now(UTC)
        EventFactory.create(begin_timestamp=now + timedelta(minutes=5), home_team="SOON")
        EventFactory.create(begin_timestamp=now + timedelta(minutes=9), home_team="LATER")
        assert set(self.homes(self.recommend_by(name, now))) == {"SOON", "LATER"}
        assert self.homes(self.recommend_by(name, now + timedelta(minutes=5))) == ["LATER"]
        assert self.homes(self.recommend_by(name, now + timedelta(minutes=9))) == []

    def test_a_nan_odd_is_never_shown(self, name):
        EventFactory.create(home_team="SOUND")
        EventFactory.create(home_team="BROKEN")
        with casino_connection().cursor() as cursor:
            cursor.execute("UPDATE events SET odd = 'NaN' WHERE home_team = 'BROKEN'")
        assert self.homes(self.recommend_by(name)) == ["SOUND"]

    def test_within_the_hour_the_same_user_gets_the_same_slip(self, name):
        EventFactory.create_each({"league": f"LEAGUE {n % 25}"} for n in range(50))
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        slips = [self.homes(self.recommend_by(name, hour + timedelta(minutes=minute))) for minute in (0, 20, 59)]
        assert slips[0] == slips[1] == slips[2]

    def test_no_row_of_another_casino_is_seen(self, name):
        EventFactory.create(country="HERE")
        assert [event.country for event in self.recommend_by(name).recommended_events] == ["HERE"]
        with pytest.raises(UserNotFound):
            recommend(casino_id=1, recommender_type=name, user_id=2, now=datetime.now(UTC))

    def test_the_slip_has_recommender_events_user_and_time(self, name):
        event, now = EventFactory.create(), datetime.now(UTC)
        slip = self.recommend_by(name, now)
        served_by = {"trending": "dynamic", "profile": "dynamic", "neighbours": "dynamic"}.get(name, name)
        assert (slip.recommender, slip.fallback_step) == (served_by, int(served_by != name))
        assert (slip.user_id, slip.timestamp) == (1, now)
        [shown] = slip.recommended_events
        names = ("country", "league", "home_team", "away_team", "sport", "begin_timestamp", "status")
        assert {key: getattr(shown, key) for key in names} == {key: getattr(event, key) for key in names}
        assert (shown.event_id, shown.odd) == (event.pk, 2.5)

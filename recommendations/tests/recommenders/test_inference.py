"""`inference`: the (sport, league) pairs that the user bets on most often."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from recommendations.recommenders.base import BettingProfile, ScoringContext
from recommendations.recommenders.inference import Inference
from recommendations.serving.load import compute_favorite_pairs
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, league, offer_of, selection
from recommendations.tests.recommend import recommend
from recommendations.tests.user_context_of import read_tallies
from recommendations.validation.identity import name_of
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

NOW = datetime(2049, 6, 1, 12, tzinfo=UTC)
EMPTY = offer_of()


def bet(*leagues, user_id=1, days_ago=1.0, **fields):
    selections = [selection(**fields, league=name) for name in leagues]
    timestamp = NOW - timedelta(days=days_ago)
    TalliedCouponFactory.create(user_id=user_id, timestamp=timestamp, recommended_events=selections)


def pairs_of(user_id=1, offer=EMPTY, seed=1):
    return compute_favorite_pairs(read_tallies(user_id), offer, NOW, np.random.default_rng(seed))


@pytest.fixture
def user(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
        bet("OF CASINO B", "OF CASINO B")
    with use_casino(casino_a.current):
        yield UserFactory.create(id=1)


class TestPairs:
    def test_pairs_seen_more_than_once_come_first_then_those_seen_once_then_others(self, user):
        bet("THRICE", "TWICE", "ONCE")
        bet("THRICE", "TWICE")
        bet("THRICE")
        offer = offer_of(*[{"league": name} for name in ("ONCE", "OTHER 1", "THRICE", "OTHER 2", "OTHER 1")])
        leagues = [name_of(pair) for pair in pairs_of(offer=offer)]
        assert leagues[:3] == ["THRICE", "TWICE", "ONCE"]
        assert sorted(leagues[3:]) == ["OTHER 1", "OTHER 2"]

    def test_a_league_of_two_sports_makes_two_pairs(self, user):
        bet("CUP", sport="HANDBALL")
        bet("CUP", sport="HANDBALL")
        bet("CUP", sport="FOOTBALL")
        assert pairs_of() == (league("CUP", sport="HANDBALL"), league("CUP"))

    def test_a_league_of_two_countries_makes_two_pairs(self, user):
        bet("PREMIER LEAGUE", country="GHANA")
        bet("PREMIER LEAGUE", country="GHANA")
        bet("PREMIER LEAGUE", country="ENGLAND")
        assert pairs_of() == (league(country="GHANA"), league(country="ENGLAND"))

    def test_only_coupons_of_the_last_30_days_count(self, user):
        bet("NEW", days_ago=29.99)
        bet("OLD", "OLD", days_ago=30)
        bet("OLD", "OLD", days_ago=300)
        assert pairs_of() == (league("NEW"),)

    def test_only_the_users_own_coupons_count(self, user):
        bet("MINE")
        bet("OF ANOTHER USER", "OF ANOTHER USER", user_id=2)
        assert pairs_of() == (league("MINE"),)

    def test_at_most_20_pairs_are_stored_and_bets_come_before_others(self, user):
        bet(*[f"BET {n:02}" for n in range(15)])
        bet("BET 14")
        pairs = pairs_of(offer=offer_of(*[{"league": f"OTHER {n}"} for n in range(30)]))
        assert len(pairs) == len(set(pairs)) == 20
        assert [*map(name_of, pairs[:15])] == ["BET 14", *(f"BET {n:02}" for n in range(14))]
        assert all(name_of(pair).startswith("OTHER") for pair in pairs[15:])

    def test_of_more_than_20_pairs_the_most_frequent_are_stored(self, user):
        bet(*[f"BET {n:02}" for n in range(25)])
        bet("BET 24", "BET 23")
        assert [*map(name_of, pairs_of())] == ["BET 23", "BET 24", *(f"BET {n:02}" for n in range(18))]

    def test_other_pairs_are_random(self, user):
        offer = offer_of(*[{"league": f"OTHER {n}"} for n in range(30)])
        assert len({pairs_of(offer=offer, seed=seed) for seed in range(5)}) == 5

    def test_a_selection_written_by_hand_without_its_league_is_ignored(self, user):
        TalliedCouponFactory.create(
            user_id=1, timestamp=NOW, recommended_events=[{"sport": "FOOTBALL"}, selection(league="L")]
        )
        assert pairs_of() == (league("L"),)


class TestOrder:
    def order(self, offer, *pairs, seed=1):
        context = ScoringContext(offer, BettingProfile(favorite_pairs=pairs), seed=(seed,))
        return list(np.argsort(-Inference().score(context)))

    @pytest.mark.parametrize("seed", range(10))
    def test_events_are_taken_pair_by_pair(self, seed):
        offer = offer_of(*[{"league": name} for name in ("X", "SECOND", "FIRST", "X", "FIRST", "SECOND")])
        order = self.order(offer, league("FIRST"), league("SECOND"), seed=seed)
        assert [set(order[:2]), set(order[2:4]), set(order[4:])] == [{2, 4}, {1, 5}, {0, 3}]

    @pytest.mark.parametrize("seed", range(10))
    def test_sport_country_and_league_must_all_match(self, seed):
        offer = offer_of(
            {"sport": "HANDBALL", "league": "CUP"},
            {"league": "CUP"},
            {"sport": "HANDBALL", "league": "X"},
            {"league": "CUP", "country": "WALES"},
        )
        assert self.order(offer, league("CUP"), seed=seed)[0] == 1

    def test_pairs_that_the_offer_lacks_are_skipped(self):
        offer = offer_of({"league": "X"}, {"league": "LAST"})
        assert self.order(offer, league("GONE", sport="CHESS"), league("GONE"), league("LAST")) == [1, 0]


def test_a_slip_takes_the_best_pair_first_and_fills_up_with_others(user):
    bet("BEST", "SECOND", "BEST")
    for name in ("X", "SECOND", "BEST", "Y", "Z"):
        EventFactory.create(league=name, begin_timestamp=NOW + timedelta(days=1))
    slip = recommend(casino_id=1, recommender_type="inference", user_id=1, now=NOW)
    leagues = [event.league for event in slip.recommended_events]
    assert leagues[:2] == ["BEST", "SECOND"]
    assert leagues[2] in {"X", "Y", "Z"}

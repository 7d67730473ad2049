"""`hybrid`'s features of a user's teams and usual odds, and what it says of them."""

import dataclasses
from itertools import pairwise
from math import exp, log
from operator import mul

import numpy as np
import pytest
from msgspec.structs import replace

from recommendations.offer import OWN_ODD
from recommendations.recommenders.base import BettingProfile, FittedModels, ScoringContext
from recommendations.recommenders.hybrid import Hybrid, HybridModel
from recommendations.recommenders.hybrid_features.features import NAMES, Features
from recommendations.tallies.selections import BAND_BOUNDS
from recommendations.tallies.trends import Trends
from recommendations.tests.factories import offer_of, team

ODDS = [1.1, 1.6, 1.9, 2.2, 8.0]


@pytest.fixture
def context():
    """Of a user with twelve bets: on H1 at home, on A2 on both sides, and on odds from 1.75 to 2."""
    offer = offer_of({}, {}, {"home_team": "A2", "away_team": "H1"}, {})
    counts = {
        "home_team": {team("H1"): 6, team("A2"): 2, team("H9"): 4},
        "away_team": {team("A2"): 4},
        "odds_band": {"4": 12},
    }
    return ScoringContext(offer, BettingProfile(counts=counts))


def column(context, feature):
    return Features(context).at(np.arange(len(context.offer)))[:, NAMES.index(feature)]


def with_odds(context, odds, trends):
    return replace(context, offer=offer_of(*({"odd": odd} for odd in odds)), trends=trends)


def test_a_team_counts_at_home_and_away_alike(context):
    assert column(context, "share of teams") == pytest.approx([6 / 22, 6 / 22, 12 / 22, 0.0])


def test_a_casino_without_a_model_ranks_a_users_team_high_on_the_other_side(context):
    swapped, unknown = {"home_team": "X", "away_team": "H1"}, {"home_team": "Y", "away_team": "Z"}
    scores = Hybrid().score(replace(context, offer=offer_of(swapped, unknown)))
    assert scores[0] > scores[1] + 0.2


def test_odds_near_the_users_are_higher_than_those_that_are_far(context):
    found = column(with_odds(context, ODDS, Trends()), "usual odds")
    assert found.argsort().tolist() == [4, 0, 1, 3, 2]
    assert found[4] < 0.01 < 0.5 * found[1]


def test_odds_that_all_users_bet_on_say_less_of_one(context):
    frequent, rare = (
        column(with_odds(context, [1.9], Trends(weights={"odds_band": numbers})), "usual odds").item()
        for numbers in ({"4": 90.0, "5": 9.0}, {"4": 9.0, "5": 90.0})
    )
    assert 0 < frequent < rare
    bounds = [1.0, *BAND_BOUNDS, 20.0]
    middles = [log(low * high) / 2 for low, high in pairwise(bounds)]
    nearness = [exp(-(((middle - middles[4]) / 0.25) ** 2) / 2) for middle in middles]
    bets = [{4: 90, 5: 9}.get(band, 0) + 1 for band in range(len(middles))]
    expected = 30 * sum(map(mul, nearness, bets)) / (99 + 2 + 1)
    assert frequent == pytest.approx(log(1 + 12 / expected))


def test_the_usual_odds_are_a_reason_where_most_bets_were_near_them(context):
    model = FittedModels(HybridModel({"usual odds": 5.0}))
    priced = replace(with_odds(context, [1.6, 2.9, 8.0], Trends()), models=model, memo={})
    assert [Hybrid().reasons(priced, place) for place in range(3)] == [
        ["Odds like those of most of your bets"],
        [],
        [],
    ]
    priced.offer.odds[:] = np.nan
    assert Hybrid().reasons(replace(priced, memo={}), 0) == []


def test_an_event_that_is_priced_by_markets_has_no_usual_odds(context):
    offer = offer_of(*({"odd": odd} for odd in (1.6, 1.6, 8.0)))
    offer = dataclasses.replace(offer, offered_by=np.array([OWN_ODD, 1, 1]))
    priced = replace(context, offer=offer, models=FittedModels(HybridModel({"usual odds": 5.0})), memo={})
    assert [Hybrid().reasons(priced, place) for place in range(2)] == [
        ["Odds like those of most of your bets"],
        [],
    ]


def test_any_stored_number_of_bets_has_features(context):
    counts = {"home_team": {team("H1"): 2**70}, "odds_band": {"4": 2**70}, "sport": {"FOOTBALL": 2**70}}
    assert np.isfinite(Features(replace(context, profile=BettingProfile(counts=counts))).at(np.arange(4))).all()

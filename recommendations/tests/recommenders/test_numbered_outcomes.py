"""Numbered outcomes have the scores of the same outcomes by name."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.numbered_bets import NumberedBets
from recommendations.recommenders.numbered_outcomes import NumberedTaste, key_weights
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_taste, score_outcomes
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.trends import Trends

SPORTS = ("FOOTBALL", "FOOTBALL AMERICAN", "CHESS")
NAMED = [(market, line, outcome) for market in "AB" for line in ("", "2.5", "221") for outcome in ("OVER", "UNDER")]

weights = st.dictionaries(st.integers(0, len(NAMED) - 1), st.floats(0, 100), max_size=6)
requests = st.lists(
    st.tuples(st.integers(0, len(NAMED) - 1), st.sampled_from([1_001, 1_200, 1_349, 2_000, 9_999, 10_000])), max_size=20
)


def tallies(sport, of_outcomes, bands):
    keys = [keys_of_outcome(sport, market, line_band(line), outcome) for market, line, outcome in NAMED]
    found = {
        attribute: {keys[number][place]: weight for number, weight in of_outcomes.items()}
        for place, attribute in enumerate(OUTCOME_ATTRIBUTES[:-1])
    }
    return found | {OUTCOME_ATTRIBUTES[-1]: {key_of_odds_band(sport, band): weight for band, weight in bands.items()}}


def bets_of(sport, bets):
    return [(weight, (sport, *NAMED[number]), band) for number, band, weight in bets]


def joined(*of_sports):
    return {
        attribute: {key: each for one in of_sports for key, each in one[attribute].items()}
        for attribute in OUTCOME_ATTRIBUTES
    }


bands = st.dictionaries(st.integers(0, 10), st.floats(0, 100), max_size=4)
bets = st.lists(st.tuples(st.integers(0, len(NAMED) - 1), st.integers(-1, 10), st.floats(0, 100)), max_size=6)


@given(weights, bands, bets, st.lists(requests, min_size=1, max_size=4), st.data())
def test_numbered_outcomes_have_the_scores_of_outcomes_by_name(casino, casino_bands, own, many, data):
    trends = Trends(weights=joined(*(tallies(sport, casino, casino_bands) for sport in SPORTS)))
    profile = BettingProfile(bets=[each for sport in SPORTS[:2] for each in bets_of(sport, own)])
    taste = NumberedTaste(profile, key_weights(trends, NAMED, {}))
    for _ in range(2):
        sports = data.draw(st.lists(st.sampled_from(SPORTS), min_size=len(many), max_size=len(many)))
        events = [(sport, len(asked)) for sport, asked in zip(sports, many, strict=True)]
        numbers, odds = ([each[part] for asked in many for each in asked] for part in (0, 1))
        scores = taste.score(events, np.array(numbers, np.intp), np.array(odds, np.int32))
        by_name = [of_event(profile, trends, sport, asked) for sport, asked in zip(sports, many, strict=True)]
        np.testing.assert_allclose(scores, np.concatenate(by_name), rtol=1e-12, atol=1e-12)


def of_event(profile, trends, sport, asked):
    markets, lines, outcomes = ([NAMED[number][part] for number, _ in asked] for part in range(3))
    offered = OfferedOutcomes(sport, markets, lines, outcomes, np.array([odd for _, odd in asked]) / 1_000)
    return score_outcomes(outcome_taste(profile, trends, sport), offered)


def test_threads_that_ask_for_new_outcomes_at_once_get_the_same_scores():
    trends = Trends(weights=tallies("FOOTBALL", {0: 5.0, 7: 9.0}, {3: 4.0}))
    named = [(f"MARKET {number}", "", "OVER") for number in range(2_000)]
    profile = BettingProfile(bets=bets_of("FOOTBALL", [(0, 3, 2.0), (0, 5, 1.0)]))

    def scores_of(weights, order):
        taste, found = NumberedTaste(profile, weights), {}
        for start in range(0, len(order), 50):
            numbers = order[start : start + 50]
            events = [(SPORTS[start // 50 % 3], 25), (SPORTS[start // 50 % 2], 25)]
            found[start] = taste.score(events, np.array(numbers, np.intp), np.full(50, 2_000, np.int32)).tolist()
        return found

    orders = [random.Random(seed % 2).sample(range(2_000), 2_000) for seed in range(6)]
    weights = key_weights(trends, named, {})
    with ThreadPoolExecutor(len(orders)) as pool:
        together = list(pool.map(lambda order: scores_of(weights, order), orders))
    assert together == [scores_of(key_weights(Trends(trends.weights), named, {}), order) for order in orders]


def test_numbers_that_are_added_later_are_found():
    named = NAMED[:1]
    taste = NumberedTaste(BettingProfile(), key_weights(Trends(), named, {}))
    assert taste.score([("FOOTBALL", 1)], np.array([0], np.intp), np.array([2_000], np.int32)).shape == (1,)
    named += NAMED[1:]
    numbers = np.arange(len(NAMED))
    scores = taste.score([("FOOTBALL", len(NAMED))], numbers, np.full(len(NAMED), 2_000, np.int32))
    assert np.isfinite(scores).all()


def test_weights_last_as_long_as_the_trends_and_the_index_as_long_as_the_outcomes():
    trends = Trends()
    derived: dict[str, Any] = {}
    weights = key_weights(trends, NAMED, derived)
    assert key_weights(trends, NAMED, derived) is weights
    assert key_weights(trends, NAMED, {}).index is not weights.index
    later = key_weights(Trends(), NAMED, derived)
    assert later is not weights
    assert later.index is weights.index


def test_new_trends_give_new_scores_of_the_same_outcomes():
    derived: dict[str, Any] = {}
    numbers, odds = np.arange(len(NAMED)), np.full(len(NAMED), 2_000, np.int32)
    for of_outcomes in ({}, {0: 50.0}, {3: 20.0, 7: 1.0}):
        trends = Trends(weights=tallies("FOOTBALL", of_outcomes, {}))
        taste = NumberedTaste(BettingProfile(), key_weights(trends, NAMED, derived))
        asked = [(number, 2_000) for number in range(len(NAMED))]
        expected = of_event(BettingProfile(), trends, "FOOTBALL", asked)
        np.testing.assert_allclose(taste.score([("FOOTBALL", len(NAMED))], numbers, odds), expected, rtol=1e-12)


def test_bets_on_outcomes_that_are_asked_for_later_count_from_then_on():
    trends, derived = Trends(weights=tallies("FOOTBALL", {0: 50.0, 7: 9.0}, {3: 4.0})), dict[str, Any]()
    profile = BettingProfile(bets=bets_of("FOOTBALL", [(7, 4, 3.0), (7, -1, 1.0), (0, 2, 1.0)]))
    for number in (0, 7):
        taste = NumberedTaste(profile, key_weights(trends, NAMED, derived))
        scores = taste.score([("FOOTBALL", 1)], np.array([number], np.intp), np.array([2_000], np.int32))
        np.testing.assert_allclose(scores, of_event(profile, trends, "FOOTBALL", [(number, 2_000)]), rtol=1e-12)


def test_weights_of_bets_are_summed_once_for_the_same_bets_and_numbers():
    known = NumberedBets({attribute: {} for attribute in OUTCOME_ATTRIBUTES})
    bets = [(1.0, ("FOOTBALL", "A", "", "OVER"), 3)]
    profile = BettingProfile(bets=bets)
    first = known.weights_of(profile, version=0)
    assert known.weights_of(profile, version=0) is first
    assert known.weights_of(profile, version=1) is not first
    _, later = known.weights_of(BettingProfile(bets=[*bets, *bets], memo=profile.memo), version=1)
    assert later.sum() == 2 * first[1].sum()


def test_what_was_bet_on_is_forgotten_before_it_fills_the_memory():
    known = NumberedBets({attribute: {} for attribute in OUTCOME_ATTRIBUTES}, max_texts=100)
    for number in range(20):
        bets = [(1.0, ("FOOTBALL", "A", f"{number}.{each}", "OVER"), 3) for each in range(10)]
        _, weights = known.weights_of(BettingProfile(bets=bets), version=0)
        assert weights.sum() == 40
    assert 0 < known.nbytes <= 110 * 500

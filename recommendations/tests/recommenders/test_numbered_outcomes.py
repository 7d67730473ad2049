"""Numbered outcomes have the scores of the same outcomes by name."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.prices.event_prices import NO_PRICES, join, packed_prices
from recommendations.prices.lines import Lines
from recommendations.recommenders.base import BettingProfile, is_current
from recommendations.recommenders.numbered_bets import NumberedBets
from recommendations.recommenders.numbered_outcomes import NumberedPreferences, key_weights
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_preferences, score_outcomes
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.trends import Trends

SPORTS = ("FOOTBALL", "FOOTBALL AMERICAN", "CHESS")
NAMED = [(market, line, outcome) for market in "AB" for line in ("", "2.5", "221") for outcome in ("OVER", "UNDER")]
ALL = [(number, 2_000) for number in range(len(NAMED))]

weights = st.dictionaries(st.integers(0, len(NAMED) - 1), st.floats(0, 100), max_size=6)
requests = st.lists(
    st.tuples(st.integers(0, len(NAMED) - 1), st.sampled_from([1_001, 1_200, 1_349, 2_000, 9_999, 10_000])), max_size=20
)


def tallies(sport, weights, bands):
    keys = [keys_of_outcome(sport, market, line_band(line), outcome) for market, line, outcome in NAMED]
    found = {
        attribute: {keys[number][place]: weight for number, weight in weights.items()}
        for place, attribute in enumerate(OUTCOME_ATTRIBUTES[:-1])
    }
    return found | {OUTCOME_ATTRIBUTES[-1]: {key_of_odds_band(sport, band): weight for band, weight in bands.items()}}


def packed(asked, named=NAMED):
    """The prices of an event with these outcomes, by number, at these odds: each is that of a line of its own."""
    lines = Lines([(number + 1, market, line, [name]) for number, (market, line, name) in enumerate(named)])
    ids, odds = [number + 1 for number, _ in asked], [[odd] for _, odd in asked]
    return packed_prices((ids, [0] * len(ids), ["open"] * len(ids), [0.0] * len(ids), odds), lines)


def scores_of(preferences, sport, asked, named=NAMED):
    return preferences.score([sport], *join([packed(asked, named)]))


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
    preferences = NumberedPreferences(profile, key_weights(trends, NAMED, {}))
    for _ in range(2):
        sports = [data.draw(st.sampled_from(SPORTS)) for _ in many]
        scores = preferences.score(sports, *join(map(packed, many)))
        by_name = [of_event(profile, trends, *each) for each in zip(sports, many, strict=True)]
        np.testing.assert_allclose(scores, np.concatenate(by_name), rtol=1e-12, atol=1e-12)


def of_event(profile, trends, sport, asked):
    markets, lines, outcomes = ([NAMED[number][part] for number, _ in asked] for part in range(3))
    offered = OfferedOutcomes(sport, markets, lines, outcomes, np.array([odd for _, odd in asked]) / 1_000)
    return score_outcomes(outcome_preferences(profile, trends, sport), offered)


@pytest.mark.covered
def test_threads_that_ask_for_new_outcomes_at_once_get_the_same_scores():
    trends = Trends(weights=tallies("FOOTBALL", {0: 5.0, 7: 9.0}, {3: 4.0}))
    named = [(f"MARKET {number}", "", "OVER") for number in range(2_000)]
    profile = BettingProfile(bets=bets_of("FOOTBALL", [(0, 3, 2.0), (0, 5, 1.0)]))

    def scores_in(weights, order):
        preferences, found = NumberedPreferences(profile, weights), {}
        for start in range(0, len(order), 25):
            scores = preferences.score([SPORTS[start // 25 % 3]], *join([prices[start, order[0]]]))
            found[start] = scores.tolist()
        return found

    orders = [random.Random(seed % 2).sample(range(2_000), 2_000) for seed in range(6)]
    prices = {
        (start, order[0]): packed([(number, 2_000) for number in order[start : start + 25]], named)
        for order in orders[:2]
        for start in range(0, len(order), 25)
    }
    weights = key_weights(trends, named, {})
    with ThreadPoolExecutor(len(orders)) as pool:
        together = list(pool.map(lambda order: scores_in(weights, order), orders))
    assert together == [scores_in(key_weights(Trends(trends.weights), named, {}), order) for order in orders]


def test_numbers_that_are_added_later_are_found():
    named = NAMED[:1]
    preferences = NumberedPreferences(BettingProfile(), key_weights(Trends(), named, {}))
    assert scores_of(preferences, "FOOTBALL", [(0, 2_000)], named).shape == (1,)
    named += NAMED[1:]
    assert np.isfinite(scores_of(preferences, "FOOTBALL", ALL)).all()


def test_no_outcomes_have_no_scores():
    preferences = NumberedPreferences(
        BettingProfile(bets=bets_of("CHESS", [(0, 3, 2.0)])), key_weights(Trends(), NAMED, {})
    )
    assert preferences.score([], *join([])).shape == (0,)
    assert preferences.score(["CHESS", "CHESS"], *join([NO_PRICES, NO_PRICES])).shape == (0,)


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
    for weights in ({}, {0: 50.0}, {3: 20.0, 7: 1.0}):
        trends = Trends(weights=tallies("FOOTBALL", weights, {}))
        preferences = NumberedPreferences(BettingProfile(), key_weights(trends, NAMED, derived))
        expected = of_event(BettingProfile(), trends, "FOOTBALL", ALL)
        np.testing.assert_allclose(scores_of(preferences, "FOOTBALL", ALL), expected, rtol=1e-12)


def test_bets_on_outcomes_that_are_asked_for_later_count_from_then_on():
    trends, derived = Trends(weights=tallies("FOOTBALL", {0: 50.0, 7: 9.0}, {3: 4.0})), dict[str, Any]()
    profile = BettingProfile(bets=bets_of("FOOTBALL", [(7, 4, 3.0), (7, -1, 1.0), (0, 2, 1.0)]))
    for number in (0, 7):
        preferences = NumberedPreferences(profile, key_weights(trends, NAMED, derived))
        scores = scores_of(preferences, "FOOTBALL", [(number, 2_000)])
        np.testing.assert_allclose(scores, of_event(profile, trends, "FOOTBALL", [(number, 2_000)]), rtol=1e-12)


def test_weights_of_bets_are_summed_once_for_the_same_memo_and_numbers():
    known = NumberedBets({attribute: {} for attribute in OUTCOME_ATTRIBUTES})
    bets = [(1.0, ("FOOTBALL", "A", "", "OVER"), 3)]
    profile = BettingProfile(bets=bets)
    first = known.weights_of(profile, version=0)
    assert known.weights_of(BettingProfile(bets=list(bets), bets_memo=profile.bets_memo), version=0) is first
    assert known.weights_of(profile, version=1) is not first
    _, later = known.weights_of(BettingProfile(bets=[*bets, *bets]), version=1)
    assert later.sum() == 2 * first[1].sum()


def test_sums_of_bets_whose_keys_are_all_known_outlast_other_keys():
    values = *keys_of_outcome("FOOTBALL", "A", "", "OVER"), key_of_odds_band("FOOTBALL", 0)
    named = enumerate(zip(OUTCOME_ATTRIBUTES, values, strict=True), start=1)
    numbers = {name: {value: 100 * place} for place, (name, value) in named}
    known, other = NumberedBets(numbers), NumberedBets(numbers)
    profile = BettingProfile(bets=[(1.0, ("FOOTBALL", "A", "", "OVER"), 3)], bets_memo={})
    partly = BettingProfile(bets=[(1.0, ("FOOTBALL", "B", "", "OVER"), 3)], bets_memo={})
    first, unknown = known.weights_of(profile, version=0), known.weights_of(partly, version=0)
    assert first[0].tolist() == [100, 200, 300, 403]
    numbers[OUTCOME_ATTRIBUTES[0]][keys_of_outcome("FOOTBALL", "B", "", "OVER")[0]] = 500
    assert is_current(partly.bets_memo)
    growing: dict[str, Any] = {}
    growing["a"] = [lambda: growing.setdefault("b", ([], None))], None  # as another request of the user
    assert is_current(growing)
    assert known.weights_of(profile, version=1) is first
    assert is_current(profile.bets_memo)
    assert not is_current(partly.bets_memo)
    assert 500 in known.weights_of(partly, version=1)[0].tolist()
    assert 500 not in unknown[0].tolist()
    assert other.weights_of(profile, version=1) is not first


def test_what_was_bet_on_is_forgotten_before_it_fills_the_memory():
    known = NumberedBets({attribute: {} for attribute in OUTCOME_ATTRIBUTES}, max_texts=100)
    for number in range(20):
        bets = [(1.0, ("FOOTBALL", "A", f"{number}.{each}", "OVER"), 3) for each in range(10)]
        _, weights = known.weights_of(BettingProfile(bets=bets), version=0)
        assert weights.sum() == 40
    assert 0 < known.nbytes <= 110 * 500

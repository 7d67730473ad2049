"""Numbered outcomes have the scores of the same outcomes by name."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.numbered_outcomes import NumberedTaste, outcome_table
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_taste, score_outcomes
from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.trends import Trends

SPORT = "FOOTBALL"
NAMED = [(market, line, outcome) for market in "AB" for line in ("", "2.5", "221") for outcome in ("OVER", "UNDER")]
KEYS = [keys_of_outcome(SPORT, market, line_band(line), outcome) for market, line, outcome in NAMED]

weights = st.dictionaries(st.integers(0, len(NAMED) - 1), st.floats(0, 100), max_size=6)
requests = st.lists(
    st.tuples(st.integers(0, len(NAMED) - 1), st.sampled_from([1_001, 1_200, 1_349, 2_000, 9_999, 10_000])), max_size=20
)


def tallies(of_outcomes, bands):
    found = {
        attribute: {KEYS[number][place]: weight for number, weight in of_outcomes.items()}
        for place, attribute in enumerate(OUTCOME_ATTRIBUTES[:-1])
    }
    return found | {OUTCOME_ATTRIBUTES[-1]: {key_of_odds_band(SPORT, band): weight for band, weight in bands.items()}}


bands = st.dictionaries(st.integers(0, 10), st.floats(0, 100), max_size=4)


@given(weights, bands, weights, bands, st.lists(requests, min_size=1, max_size=4))
def test_numbered_outcomes_have_the_scores_of_outcomes_by_name(casino, casino_bands, own, own_bands, many):
    trends = Trends(weights=tallies(casino, casino_bands))
    taste = outcome_taste(BettingProfile(weights=tallies(own, own_bands)), trends, SPORT)
    numbered = NumberedTaste(taste, outcome_table(taste, trends, NAMED))
    for asked in many:
        numbers, odds = [number for number, _ in asked], [odd for _, odd in asked]
        markets, lines, outcomes = ([NAMED[number][part] for number in numbers] for part in range(3))
        offered = OfferedOutcomes(SPORT, markets, lines, outcomes, np.array(odds) / 1_000)
        scores = numbered.score(np.array(numbers, np.int32), np.array(odds, np.int32))
        np.testing.assert_allclose(scores, score_outcomes(taste, offered), rtol=1e-12, atol=1e-12)


def test_a_table_lasts_as_long_as_the_trends_and_the_numbers():
    trends, other = Trends(), [*NAMED]
    taste = outcome_taste(BettingProfile(), trends, SPORT)
    table = outcome_table(taste, trends, NAMED)
    assert outcome_table(taste, trends, NAMED) is table
    assert outcome_table(taste, trends, other) is not table
    assert outcome_table(taste, Trends(), NAMED) is not table

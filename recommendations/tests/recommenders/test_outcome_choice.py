"""The choice among an event's outcomes, on arrays alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.recommenders.base import NOBODY, BettingProfile
from recommendations.recommenders.outcome_choice import (
    OfferedOutcomes,
    outcome_preferences,
    outcome_reasons,
    score_outcomes,
)
from recommendations.tallies.outcome_keys import (
    OFFERED_ATTRIBUTES,
    OUTCOME_ATTRIBUTES,
    key_of_odds_band,
    keys_of_outcome,
    line_band,
)
from recommendations.tallies.selections import BAND_BOUNDS, RecentSelection
from recommendations.tallies.trends import NO_TRENDS, Trends

SPORT = "FOOTBALL"
OUTCOMES = st.tuples(
    st.sampled_from(["1X2", "TOTALS", "HANDICAP|FIRST HALF"]),
    st.sampled_from(["", "2.5", "-1.5", "219.5", "2:1"]),
    st.sampled_from(["HOME", "DRAW", "OVER", "UNDER"]),
    st.floats(1.01, 1e6),
)
BETS = st.dictionaries(OUTCOMES, st.floats(0, 1e6), max_size=12)


def offered(*outcomes, sport=SPORT):
    markets, lines, names, odds = zip(*outcomes, strict=True)
    return OfferedOutcomes(sport, markets, lines, names, np.array(odds, dtype=np.float64))


def band_of(odd):
    return int(np.searchsorted(BAND_BOUNDS, odd, side="right"))


def tally_of(bets, attributes=OUTCOME_ATTRIBUTES, sport=SPORT):
    """Attribute -> value -> number, of a number of bets by (market, line, outcome, odd)."""
    tally: dict[str, dict[str, float]] = {attribute: {} for attribute in attributes}
    for (market, line, outcome, odd), number in bets.items():
        keys = (*keys_of_outcome(sport, market, line_band(line), outcome), key_of_odds_band(sport, band_of(odd)))
        for attribute, key in zip(attributes, keys, strict=True):
            tally[attribute][key] = tally[attribute].get(key, 0.0) + number
    return tally


def trends_of(bets, offers=None, sport=SPORT):
    return Trends(weights=tally_of(bets, sport=sport) | tally_of(offers or {}, OFFERED_ATTRIBUTES, sport=sport))


def user_of(bets, sport=SPORT):
    return BettingProfile(bets=[(number, (sport, *outcome), band_of(odd)) for (*outcome, odd), number in bets.items()])


def scores_of(outcomes, *, user=NOBODY, trends=NO_TRENDS):
    return score_outcomes(outcome_preferences(user, trends, SPORT), offered(*outcomes)).tolist()


OVER, UNDER = ("TOTALS", "2.5", "OVER", 1.9), ("TOTALS", "2.5", "UNDER", 1.9)
HOME, DRAW = ("1X2", "", "HOME", 1.9), ("1X2", "", "DRAW", 3.6)


def test_without_any_bets_all_outcomes_are_alike():
    assert len(set(scores_of([HOME, DRAW, OVER, UNDER]))) == 1


def test_what_the_casinos_users_bet_on_comes_first():
    over, under = scores_of([OVER, UNDER], trends=trends_of({OVER: 70, UNDER: 30}))
    assert over > under


def test_what_is_bet_on_seldom_of_much_that_is_offered_comes_last():
    trends = trends_of({OVER: 60, HOME: 40}, {OVER: 900, HOME: 100})
    over, home = scores_of([OVER, HOME], trends=trends)
    assert home > over


def test_a_market_that_was_never_offered_before_is_neither_good_nor_bad():
    trends = trends_of({HOME: 50, DRAW: 1}, {HOME: 50, DRAW: 50})
    home, new, draw = scores_of([HOME, ("CORNERS", "9.5", "OVER", 1.9), DRAW], trends=trends)
    assert home > new > draw


def test_the_users_own_bets_outweigh_the_casinos():
    trends = trends_of({OVER: 700, UNDER: 300})
    over, under = scores_of([OVER, UNDER], user=user_of({UNDER: 30}), trends=trends)
    assert under > over


def test_a_bet_on_a_line_tells_of_that_line_and_its_market():
    trends = trends_of({OVER: 50, ("TOTALS", "3.5", "OVER", 1.9): 50, HOME: 100})
    own, other_line, other_market = scores_of(
        [OVER, ("TOTALS", "3.5", "OVER", 1.9), HOME], user=user_of({OVER: 5}), trends=trends
    )
    assert own > other_line > other_market


def test_the_users_usual_odds_decide_between_outcomes_that_are_alike():
    long_shot = ("TOTALS", "2.5", "OVER", 4.5)
    user = user_of({("1X2", "", "AWAY", 4.8): 10})
    short, long = scores_of([OVER, long_shot], user=user, trends=trends_of({OVER: 50, long_shot: 50}))
    assert long > short


def test_bets_on_another_sport_change_nothing():
    user, trends = user_of({UNDER: 30}, sport="HANDBALL"), trends_of({UNDER: 900}, sport="HANDBALL")
    assert scores_of([OVER, UNDER], user=user, trends=trends) == scores_of([OVER, UNDER])


def test_a_sport_whose_name_begins_another_is_another():
    user, trends = user_of({UNDER: 30}, sport="FOOTBALL AMERICAN"), trends_of({UNDER: 9}, sport="FOOTBALL AMERICAN")
    assert scores_of([OVER, UNDER], user=user, trends=trends) == scores_of([OVER, UNDER])


@pytest.mark.parametrize(
    ("line", "band"),
    [("", ""), ("2.5", "2.5"), ("-19.5", "-19.5"), ("20", "20"), ("219.5", "220"), ("221", "220"), ("-22.4", "-20"),
     ("20.5", "20"), ("2:1", "2:1"), ("1e3", "1e3"), ("9" * 400, str(10**400))],
)  # fmt: skip
def test_high_lines_share_bands(line, band):
    assert line_band(line) == band


@given(st.lists(OUTCOMES, min_size=1, max_size=30), BETS, BETS, BETS)
def test_scores_are_finite_and_the_same_again(outcomes, own, bets, offers):
    user, trends = user_of(own), trends_of(bets, offers)
    scores = scores_of(outcomes, user=user, trends=trends)
    assert np.isfinite(scores).all()
    assert scores == scores_of(outcomes, user=user, trends=trends)
    assert scores == scores_of(outcomes, user=user_of(own), trends=trends_of(bets, offers))


@given(st.lists(OUTCOMES, min_size=1, max_size=30), st.randoms(use_true_random=False), BETS, BETS, BETS)
def test_a_score_depends_on_no_other_outcome(outcomes, rng, own, bets, offers):
    user, trends = user_of(own), trends_of(bets, offers)
    scores = dict(zip(outcomes, scores_of(outcomes, user=user, trends=trends_of(bets, offers)), strict=True))
    shuffled = rng.sample(outcomes, rng.randint(1, len(outcomes)))
    assert scores_of(shuffled, user=user, trends=trends) == [scores[each] for each in shuffled]


@given(st.dictionaries(OUTCOMES, st.integers(0, 50), max_size=12), st.randoms(use_true_random=False))
def test_the_order_in_which_bets_were_counted_changes_nothing(bets, rng):
    shuffled = dict(rng.sample(sorted(bets.items()), len(bets)))
    outcomes = [HOME, DRAW, OVER, UNDER]
    counted = scores_of(outcomes, user=user_of(bets), trends=trends_of(bets))
    assert counted == scores_of(outcomes, user=user_of(shuffled), trends=trends_of(shuffled))


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 0.0])
def test_odd_numbers_get_a_finite_score(odd):
    assert np.isfinite(scores_of([("1X2", "", "HOME", odd)])).all()


def test_damaged_numbers_of_the_casino_get_a_finite_score():
    trends = trends_of({OVER: -5.0, UNDER: 1e300}, {OVER: -7.0, UNDER: 1e300})
    assert np.isfinite(scores_of([OVER, UNDER], user=user_of({OVER: 3}), trends=trends)).all()


def test_two_casinos_with_their_own_trends_never_share_a_score():
    first, second = trends_of({OVER: 100}), trends_of({UNDER: 100})
    for trends, best in ((first, 0), (second, 1), (first, 0)):
        assert int(np.argmax(scores_of([OVER, UNDER], trends=trends))) == best


def bet(market, sport=SPORT):
    return RecentSelection(0.0, 1, sport, "", "", "A", "B", 1.9, market=market, outcome="OVER")


def reasons_for(outcome, *, user=NOBODY, trends=NO_TRENDS):
    return outcome_reasons(outcome_preferences(user, trends, SPORT), offered(HOME, outcome), 1)


def test_reasons_say_how_many_of_the_last_bets_were_on_the_market():
    user = BettingProfile(
        recent=[bet("1X2")] * 20 + [bet("TOTALS")] * 7 + [bet("TOTALS", "HANDBALL"), bet(""), bet("1X2")]
    )
    assert reasons_for(OVER, user=user) == ("7 of your last 10 bets were on TOTALS",)


@pytest.mark.parametrize(("odd", "text"), [(1.9, "from 1.75 to 2.00"), (1.1, "below 1.20"), (10.0, "from 10.00")])
def test_reasons_say_which_odds_the_user_takes(odd, text):
    user = user_of({("1X2", "", "AWAY", odd): 3, ("1X2", "", "AWAY", 5.0): 2})
    assert reasons_for(("TOTALS", "2.5", "OVER", odd), user=user) == (f"You mostly take odds {text}",)


def test_few_bets_say_nothing_of_usual_odds():
    assert reasons_for(OVER, user=user_of({("1X2", "", "AWAY", 1.9): 1})) == ()


def test_reasons_say_which_outcome_most_users_take():
    trends = trends_of({OVER: 60, UNDER: 40})
    assert reasons_for(OVER, trends=trends) == ("Most bets on this market here are on OVER",)
    assert reasons_for(UNDER, trends=trends) == ()


def test_an_outcome_without_any_bets_has_no_reason():
    assert reasons_for(OVER) == ()

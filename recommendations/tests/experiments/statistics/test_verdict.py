"""Verdicts in words."""

from math import inf

import numpy as np
import pytest

from recommendations.experiments.statistics.looks import Looks
from recommendations.experiments.statistics.verdict import (
    WORDS_OF_METRIC,
    Case,
    VerdictCode,
    decide,
    decide_preference,
)


def looks(*, z=0.0, estimate=0.02, low=-0.04, high=0.09, changed=False):
    tau, bound = 1.0, 2.33
    return Looks(*(np.array([each]) for each in (tau, z, bound, estimate, low, high, changed)))


def case(**more):
    return Case("trees", "hybrid", WORDS_OF_METRIC["bet_days"], **more)


BETTER = {"z": 3.0, "estimate": 0.081, "low": 0.012, "high": 0.153}
WORSE = {"z": -3.0, "estimate": -0.081, "low": -0.153, "high": -0.012}


def test_a_significant_uplift():
    assert decide(looks(**BETTER), case()).sentence == (
        "`trees` is better than `hybrid`: +8.1 % days with a bet (95 % confidence interval: +1.2 % to +15.3 %). "
        "This is valid at any number of looks."
    )


def test_a_significant_loss():
    verdict = decide(looks(**WORSE), case())
    assert verdict.code == "worse"
    assert verdict.sentence.startswith("`trees` is worse than `hybrid`: −8.1 % days with a bet")


@pytest.mark.parametrize(
    ("days_left", "forecast"),
    [
        (None, ""),
        (12.0, " Finding a difference of 10 % takes about 12 more days."),
        (0.0, " A difference of 10 % would probably have been found by now."),
        (inf, " There are too few users to find a difference of 10 % within a year."),
    ],
)
def test_no_significant_difference_and_how_long_it_takes_to_tell(days_left, forecast):
    verdict = decide(looks(), case(days_left=days_left))
    assert verdict.code is VerdictCode.UNDECIDED
    assert verdict.sentence == (
        "No significant difference in days with a bet between `trees` and `hybrid` (95 % confidence interval: −4.0 % "
        f"to +9.0 %).{forecast}"
    )


def test_a_variant_that_was_to_be_no_worse():
    verdict = decide(looks(), case(margin=0.05))
    assert verdict.code is VerdictCode.NO_WORSE
    assert verdict.sentence.endswith("A loss of 5 % or more is ruled out.")
    assert decide(looks(), case(margin=0.03)).code is VerdictCode.UNDECIDED


def test_too_few_bets():
    assert decide(looks(low=-1.0, high=inf), case()).sentence == "Too few bets for a comparison yet."


@pytest.mark.parametrize("judging", [decide, decide_preference])
def test_a_mismatch_withholds_any_other_verdict(judging):
    verdict = judging(looks(**BETTER), case(is_mismatch=True, broken_guard="days with a bet"))
    assert verdict.code is VerdictCode.MISMATCH


@pytest.mark.parametrize("judging", [decide, decide_preference])
def test_a_broken_guard_is_the_verdict(judging):
    verdict = judging(looks(**BETTER), case(broken_guard="capped stakes rose by more than 5 %"))
    assert verdict.code is VerdictCode.STOPPED_BY_GUARD
    assert verdict.sentence == "`trees` was stopped by the guard: capped stakes rose by more than 5 %."


def test_what_was_significant_and_has_changed_is_undecided():
    verdict = decide(looks(z=3.0, changed=True), case())
    assert verdict.code is VerdictCode.UNDECIDED
    assert "The difference has changed during the experiment" in verdict.sentence


def test_a_preference():
    verdict = decide_preference(looks(z=3.0, estimate=0.1, low=0.02, high=0.18), case())
    assert verdict.code is VerdictCode.BETTER
    assert verdict.sentence == (
        "Users want the events of `trees` more than those of `hybrid`: it has 55 % of the bets on events that only one "
        "list had (95 % confidence interval: 51 % to 59 %). This shows which events users prefer, not how many more "
        "bets they bring: confirm it by an A/B test."
    )


def test_a_preference_for_the_other_list():
    verdict = decide_preference(looks(z=-3.0, estimate=-0.1, low=-0.18, high=-0.02), case())
    assert verdict.code is VerdictCode.WORSE
    assert "less than those of `hybrid`: it has 45 %" in verdict.sentence


def test_no_preference():
    verdict = decide_preference(looks(), case())
    assert verdict.code is VerdictCode.UNDECIDED
    assert verdict.sentence.startswith(
        "No significant difference between the lists of `trees` and `hybrid`: `trees` has"
    )


def test_too_few_credits():
    verdict = decide_preference(looks(low=-1.0, high=1.0), case())
    assert verdict.sentence == "Too few bets on events that only one list had."

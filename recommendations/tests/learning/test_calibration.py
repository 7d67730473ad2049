"""Fitting the calibration of confidence to past slips."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from recommendations.evaluation.calibration_error import calibration_error
from recommendations.learning.calibration import LONGEST, MAX_SLIPS, MIN_SLIPS, fit_calibration
from recommendations.recommenders.base import FittedModels
from recommendations.recommenders.calibration import Calibration
from recommendations.recommenders.hybrid import Hybrid
from recommendations.recommenders.trending import Trending
from recommendations.tests.present import present

pytestmark = [pytest.mark.slow, pytest.mark.covered]

EVENTS = np.arange(1, LONGEST + 1)
HITS = [1, 2, 3, 7, 11, np.inf]


def fitted(slips):
    coupons, shares, first_hits = (np.array(each, dtype=float) for each in zip(*slips, strict=True))
    return present(fit_calibration(coupons, shares, first_hits))


def slips_with(probability, seed=1, number=1_500):
    """Slips that hold a bet on the second event with this probability by the share of two or more, and by coupons."""
    rng = np.random.default_rng(seed)
    coupons, shares = rng.integers(0, 50, number), rng.uniform(0.05, 0.95, number)
    hits = np.where(rng.random(number) < probability(shares, coupons), 2.0, np.inf)
    return [
        (own, np.where(EVENTS > 1, share, share / 2), hit)
        for own, share, hit in zip(coupons, shares, hits, strict=True)
    ]


def confidence(calibration, share, coupons=5, events=3, step=0):
    return Hybrid().confidence(FittedModels(calibration), coupons, share, events, step)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sets(st.sampled_from(HITS), min_size=1), st.sampled_from([0, 0.01, 0.5, 0.99, 1]))
def test_confidence_is_a_probability_that_does_not_fall_with_the_share(seed, hits, most):
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(0, most, MIN_SLIPS)
    calibration = fitted([(rng.integers(0, 60), 1 - (1 - each) ** EVENTS, rng.choice([*hits])) for each in drawn])
    assert Calibration.decode(calibration.encode()) == calibration
    for events in (1, 2, LONGEST):
        by_share = [confidence(calibration, share, 7, events) for share in (0, 1e-9, 0.1, 0.5, 1, 1 + 1e-9)]
        assert all(0 <= low <= high <= 1 for low, high in pairwise(by_share))


def test_the_mean_is_the_share_of_slips_with_a_bet():
    slips = slips_with(lambda shares, _: 0.3 + 0 * shares)
    calibration = fitted(slips)
    latest = slips[-MAX_SLIPS:]
    held = np.mean([hit <= 3 for *_, hit in latest])
    assert np.mean([confidence(calibration, share[2], own) for own, share, _ in latest]) == pytest.approx(
        held, abs=1e-3
    )
    assert confidence(calibration, 0.5, events=1) < 0.05  # the bets are on the second event
    assert confidence(calibration, 0.5, events=50) == confidence(calibration, 0.5, events=LONGEST)
    assert confidence(calibration, 0.5, events=0) == 0
    assert confidence(calibration, 0.5, step=2) == confidence(calibration, 0.5)


@pytest.mark.parametrize(
    "probability",
    [
        lambda shares, _: shares,
        lambda shares, _: 0.4 + 0 * shares,
        lambda shares, coupons: expit(0.8 * np.log(shares / (1 - shares)) + 0.5 * np.log1p(coupons) - 1),
    ],
)
def test_the_error_on_slips_that_are_held_back_is_small(probability):
    calibration, held_back = fitted(slips_with(probability)), slips_with(probability, seed=2, number=4_000)
    served = np.array([confidence(calibration, share[2], own) for own, share, _ in held_back])
    held = np.array([hit <= 3 for *_, hit in held_back])
    assert calibration_error(served, held) < 0.05
    assert calibration_error(served + 0.1, held) > 0.05


def test_where_few_slips_tell_little_confidence_is_near_the_prior():
    slips = slips_with(lambda shares, _: 1.0 * (shares > 0.5), number=MIN_SLIPS)
    weights = fitted(slips).by_events[2]
    assert 0.5 < weights.share < 1.3
    assert abs(weights.coupons) < 0.1
    assert fitted(slips_with(lambda shares, _: 1.0 * (shares > 0.5))).by_events[2].share > 2


def test_a_share_beyond_the_fitted_ones_counts_as_the_nearest():
    slips = [(own, 0.3 + 0.4 * share, hit) for own, share, hit in slips_with(lambda shares, _: 0.2 + 0.6 * shares)]
    calibration = fitted(slips)
    latest = [share[2] for _, share, _ in slips[-MAX_SLIPS:]]
    assert confidence(calibration, 1.0) == confidence(calibration, max(latest)) < 0.9
    assert confidence(calibration, 0.0) == confidence(calibration, min(latest)) > 0.1


def test_the_latest_slips_count():
    early, late = slips_with(lambda shares, _: 0 * shares), slips_with(lambda shares, _: 1 + 0 * shares)
    assert fitted([*early, *late[:MAX_SLIPS]]) == fitted(late[:MAX_SLIPS])


def test_too_few_slips_give_no_calibration():
    numbers = np.arange(MIN_SLIPS - 1.0)
    assert fit_calibration(numbers, np.full((MIN_SLIPS - 1, LONGEST), 0.5), numbers + 1) is None
    assert fit_calibration(numbers[:0], np.empty(0), numbers[:0]) is None


def test_without_a_calibration_confidence_is_by_coupons_and_fallbacks():
    calibration = fitted(slips_with(lambda shares, _: shares))
    assert [Hybrid().confidence(FittedModels(), each, 0.5, 3, 0) for each in (0, 10, 90)] == [0.0, 0.5, 0.9]
    assert Trending().confidence(FittedModels(calibration), 10, 0.5, 3, 1) == 0.25

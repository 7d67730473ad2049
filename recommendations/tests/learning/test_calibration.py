"""Fitting the calibration of confidence to past slips."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recommendations.evaluation.calibration_error import calibration_error
from recommendations.learning.calibration import LONGEST, MIN_SLIPS, fit_calibration
from recommendations.recommenders.base import FittedModels
from recommendations.recommenders.calibration import Calibration
from recommendations.recommenders.hybrid import Hybrid
from recommendations.recommenders.trending import Trending
from recommendations.tests.present import present

pytestmark = pytest.mark.slow

SLIP = st.tuples(st.integers(0, 60), st.sampled_from([1, 2, 3, 7, 11, np.inf]))
SLIPS = st.lists(SLIP, min_size=MIN_SLIPS, max_size=MIN_SLIPS + 50)


def fitted(slips):
    coupons, first_hits = np.array(slips, dtype=float).T
    return present(fit_calibration(coupons, first_hits))


def slips_with(share, seed=1, number=1_500):
    """Slips of three or more events, of which this share holds a bet, by the number of coupons."""
    rng = np.random.default_rng(seed)
    coupons = rng.integers(0, 50, number)
    return np.stack([coupons, np.where(rng.random(number) < share(coupons), 2.0, np.inf)], axis=1)


def simulated(share):
    return fitted(slips_with(share))


def confidence(calibration, coupons, events=3, step=0):
    return Hybrid().confidence(FittedModels(calibration), coupons, events, step)


@settings(max_examples=25)
@given(SLIPS)
def test_confidence_rises_with_coupons_and_events_and_is_no_more_than_the_share_of_all_without_coupons(slips):
    calibration = fitted(slips)
    assert Calibration.decode(calibration.encode()) == calibration
    for events in (1, 2, LONGEST):
        of_user = [confidence(calibration, coupons, events) for coupons in range(0, 65, 3)]
        assert all(0 <= low <= high <= 1 for low, high in pairwise(of_user))
        assert of_user[0] <= np.mean([hit <= events for _, hit in slips]) + 0.0005 + 1e-9
        assert confidence(calibration, 63, events) >= confidence(calibration, 63, events - 1)


def test_confidence_is_the_share_of_slips_with_a_bet():
    calibration = simulated(lambda coupons: 0.2 + 0.6 * (coupons >= 25))
    assert [confidence(calibration, each) for each in (0, 10, 40, 900)] == pytest.approx([0.2, 0.2, 0.8, 0.8], abs=0.05)
    assert confidence(calibration, 40, events=1) < 0.01  # the bets are on the second event
    assert confidence(calibration, 40, events=50) == confidence(calibration, 40)
    assert confidence(calibration, 40, events=0) == 0
    assert confidence(calibration, 40, step=2) == confidence(calibration, 40)


@pytest.mark.parametrize("slope", [0.0, 0.3, 0.7])
def test_the_error_on_slips_that_are_held_back_is_small(slope):
    def share(coupons):
        return 0.2 + slope * coupons / 50

    calibration, held_back = simulated(share), slips_with(share, seed=2)
    served = np.array([confidence(calibration, int(coupons)) for coupons in held_back[:, 0]])
    assert calibration_error(served, held_back[:, 1] <= 3) < 0.05
    assert calibration_error(served + 0.1, held_back[:, 1] <= 3) > 0.05


def test_where_coupons_tell_nothing_all_users_have_the_share_of_all():
    slips = slips_with(lambda coupons: 0.5 + 0.0 * coupons)
    share = round(np.mean(slips[:, 1] <= 3), 3)
    assert {confidence(fitted(slips), each) for each in range(50)} == {share}


def test_too_few_slips_give_no_calibration():
    coupons = np.arange(MIN_SLIPS - 1.0)
    assert fit_calibration(coupons, coupons + 1) is None
    assert fit_calibration(coupons[:0], coupons[:0]) is None


def test_without_a_calibration_confidence_is_by_coupons_and_fallbacks():
    calibration = simulated(lambda coupons: 0.0 * coupons)
    assert [Hybrid().confidence(FittedModels(), each, 3, 0) for each in (0, 10, 90)] == [0.0, 0.5, 0.9]
    assert Trending().confidence(FittedModels(calibration), 10, 3, 1) == 0.25

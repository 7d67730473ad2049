"""Adjusted differences, their clock and intervals."""

import numpy as np
import pytest

from recommendations.experiments.statistics.boundary import boundary
from recommendations.experiments.statistics.clock import PrePeriod, planned_credit_variance, planned_variance
from recommendations.experiments.statistics.contrast import contrast
from recommendations.experiments.statistics.errors import TooLittleHistory
from recommendations.experiments.statistics.guards import breaks_difference_limit, breaks_uplift_limit
from recommendations.experiments.statistics.looks import follow, uplift_interval
from recommendations.experiments.statistics.moments import KNOWN, NEWCOMERS, Moments


def casino(users=4_000, uplift=0.0, seed=19):
    """Each user's arm, stratum, sum since the start, and sum before it."""
    rng = np.random.default_rng(seed)
    arm, stratum = rng.integers(0, 2, users), (rng.random(users) < 0.3).astype(np.int64)
    rate = rng.gamma(2.0, 1.0, users)
    y = rng.poisson(rate * (1 + uplift * arm)).astype(np.float64)
    return arm, stratum, y, np.where(stratum == KNOWN, rng.poisson(rate), 0).astype(np.float64)


def test_it_equals_the_formulas_written_out_for_each_user():
    arm, stratum, y, x = casino()
    cells = [(arm == a) & (stratum == s) for a in (0, 1) for s in (KNOWN, NEWCOMERS)]
    centred = [(x[cell] - x[cell].mean(), y[cell] - y[cell].mean()) for cell in cells]
    theta = sum((dx * dy).sum() for dx, dy in centred) / sum((dx * dx).sum() for dx, _ in centred)
    expected, variance = 0.0, 0.0
    for s in (KNOWN, NEWCOMERS):
        weight = (stratum == s).mean()
        adjusted = [(y - theta * x)[(arm == a) & (stratum == s)] for a in (0, 1)]
        expected += weight * (adjusted[1].mean() - adjusted[0].mean())
        variance += weight**2 * sum(each.var() / (len(each) - 1) for each in adjusted)

    found = contrast(Moments.of_users(arm, stratum, y, x))

    assert found.difference == pytest.approx([expected])
    assert found.variance == pytest.approx([variance])
    assert found.effective_users == pytest.approx([(arm == 0).sum() * (arm == 1).sum() / len(arm)])


def test_the_pre_period_makes_it_more_precise():
    arm, stratum, y, x = casino()
    assert contrast(Moments.of_users(arm, stratum, y, x)).variance < 0.9 * y.var() * (1 / 2_000 + 1 / 2_000)


def test_a_stratum_with_few_users_is_left_out():
    arm, _, y, x = casino()
    stratum = np.where(np.arange(len(arm)) < 5, NEWCOMERS, KNOWN)
    with_few = contrast(Moments.of_users(arm, stratum, y, x))
    without = contrast(Moments.of_users(arm[5:], stratum[5:], y[5:], x[5:]))
    assert with_few.difference == pytest.approx(without.difference, abs=1e-3)


def test_a_look_counts_from_20_bettors_in_each_arm():
    arm = np.repeat([0, 1], 100)
    y, zero = np.zeros(200), np.zeros(200)
    y[:50], y[100:119] = 1, 1
    assert not contrast(Moments.of_users(arm, arm * 0, y, zero)).counts[0]
    y[119] = 1
    assert contrast(Moments.of_users(arm, arm * 0, y, zero)).counts[0]


def test_nobody_has_entered_yet():
    nobody = np.zeros(0)
    looks = follow(contrast(Moments.of_users(nobody.astype(int), nobody.astype(int), nobody, nobody)), planned=1.0)
    assert (looks.z[0], looks.low[0], looks.high[0], looks.first_significant) == (0.0, -1.0, np.inf, None)


def test_of_three_variants_each_is_compared_with_the_control():
    arm, stratum, y, x = casino()
    third = np.where(np.arange(len(arm)) % 3 == 0, 2, arm)
    moments = Moments.of_users(third, stratum, y, x, arms=3)
    chosen = third != 1
    alone = Moments.of_users(third[chosen] // 2, stratum[chosen], y[chosen], x[chosen])
    assert contrast(moments, variant=2).difference == pytest.approx(contrast(alone).difference)


def test_the_interval_excludes_0_exactly_where_the_difference_is_significant():
    for seed in range(40):
        found = contrast(Moments.of_users(*casino(400, uplift=0.15, seed=seed)))
        bound = np.array([1.5])
        low, high = uplift_interval(found, bound)
        assert (low[0] > 0 or high[0] < 0) == (abs(found.z[0]) > bound[0])


def test_intervals_are_intersected_over_looks():
    looks = [Moments.of_users(*(each[:users] for each in casino(4_000, uplift=0.2))) for users in (1_000, 2_000, 4_000)]
    found = follow(contrast(Moments.stacked(looks)), planned=4_000.0)
    assert (np.diff(found.low) >= 0).all()
    assert (np.diff(found.high) <= 0).all()
    assert not found.has_changed.any()


def test_an_effect_that_changes_is_reported():
    looks = [Moments.of_users(*casino(20_000, uplift=uplift)) for uplift in (0.5, -0.3)]
    found = follow(contrast(Moments.stacked(looks)), planned=20_000.0)
    assert found.has_changed.tolist() == [False, True]
    assert found.low[1] < -0.3 < found.high[1]
    assert found.first_significant == 0


def test_the_planned_variance_is_that_of_the_end():
    """Two equal halves whose users differ for good: the second is foretold by the first as far as they do."""
    rng = np.random.default_rng(19)
    rate = rng.gamma(2.0, 1.0, 200_000)
    halves, after = rng.poisson(rate, (2, len(rate))).astype(np.float64), rng.poisson(2 * rate).astype(np.float64)
    arm = rng.integers(0, 2, len(rate))
    found = contrast(Moments.of_users(arm, arm * 0, after, halves.sum(axis=0)))
    planned = planned_variance(PrePeriod.of_users(*halves), control_share=0.5, variant_share=0.5, planned_days=28)
    assert found.information[0] / planned == pytest.approx(1.0, abs=0.02)


def test_users_who_did_the_same_in_both_halves_leave_something_to_plan():
    half = np.tile([0.0, 14.0], 200)
    planned = planned_variance(PrePeriod.of_users(half, half), control_share=0.5, variant_share=0.5, planned_days=28)
    assert planned == pytest.approx(400 * 0.25 * 14.0**2 * 0.01)


def test_without_a_history_there_is_no_plan():
    for users in (5, 500):
        with pytest.raises(TooLittleHistory, match=f"Only {users} users"):
            planned_variance(
                PrePeriod.of_users(np.zeros(users), np.zeros(users)),
                control_share=0.5, variant_share=0.5, planned_days=28,
            )  # fmt: skip


def test_an_interleaving_is_planned_after_three_days_and_20_credits():
    assert planned_credit_variance(30, 3, planned_days=28) == pytest.approx(280)
    for number, days in ((19, 3), (40, 2)):
        with pytest.raises(TooLittleHistory, match="Look again tomorrow"):
            planned_credit_variance(number, days, planned_days=28)


@pytest.mark.parametrize(
    ("uplift", "limit", "breaks"), [(-0.5, -0.05, True), (0.5, 0.05, True), (0.5, -0.05, False), (0, -0.05, False)]
)
def test_a_guard_stops_what_is_significantly_beyond_its_limit(uplift, limit, breaks):
    found = contrast(Moments.of_users(*casino(20_000, uplift=uplift)))
    planned = float(found.information[0])
    assert breaks_uplift_limit(found, planned, limit) is breaks
    assert breaks_difference_limit(found, planned, limit * 2) is breaks


def test_a_guard_is_one_sided():
    """Between the boundaries of 2 alpha and of alpha, it stops."""
    found = contrast(Moments.of_users(*casino(20_000, uplift=0.1)))
    planned = float(found.information[0])
    error = float(np.sqrt(found.variance[0]))
    limits = [float(found.difference[0]) - error * bound for bound in (2.5, 2.75)]
    assert float(boundary(np.array(1.0), 0.02)) == pytest.approx(2.65, abs=0.01)
    assert float(boundary(np.array(1.0), 0.01)) == pytest.approx(2.88, abs=0.01)
    assert [breaks_difference_limit(found, planned, limit) for limit in limits] == [False, True]

"""How long an experiment takes."""

from math import inf

import numpy as np
import pytest

from recommendations.experiments.statistics.clock import PrePeriod
from recommendations.experiments.statistics.contrast import Contrast
from recommendations.experiments.statistics.duration import detectable_uplift, forecast, power


def course(days=14, control=0.02, deviation=0.5, users=15_000.0):
    """Independent days of the same users: means and variances grow evenly."""
    age = np.arange(1, days + 1.0)
    means, variances = np.outer(age, [control, control]), np.outer(age, [1.0, 1.0]) * control * deviation * 2 / users
    return age, Contrast(means, variances, np.full(days, users / 4), np.full(days, True))


def days_until(age, so_far, planned):
    return forecast(age, so_far.signal, so_far.information / planned)


def test_the_power_is_that_of_a_random_walk_with_drift():
    rng, steps, signal = np.random.default_rng(19), 1_000, 2.5
    tau = np.arange(1, steps + 1) / steps
    walks = rng.normal(size=(4_000, steps)).cumsum(axis=1) / np.sqrt(steps) + signal * tau
    assert (walks > 2.3263).any(axis=1).mean() == pytest.approx(power(signal, 1.0), abs=0.03)


def test_independent_days_are_carried_on_by_their_square_root():
    age, so_far = course()
    planned = float(so_far.information[-1]) * 2  # planned for day 28
    day = days_until(age, so_far, planned)
    signal_at_end = 0.1 * so_far.means[-1, 0] / np.sqrt(so_far.variance[-1]) * np.sqrt(2)
    assert day is not None
    assert (day <= 28) is bool(power(signal_at_end, 1.0) >= 0.8)


def test_more_users_take_less_time():
    def day_with(users):
        age, so_far = course(users=users)
        return days_until(age, so_far, 2 * float(so_far.information[-1]))

    days = [day_with(users) for users in (5e3, 8e3, 1.6e4, 3e5)]
    assert days == sorted(days, reverse=True)
    assert days[0] > days[-1] == 14


def test_with_few_users_it_takes_more_than_a_year():
    age, so_far = course(users=300.0)
    assert days_until(age, so_far, float(so_far.information[-1])) == inf


def test_on_the_first_days_it_is_too_early_to_say():
    age, so_far = course(days=3)
    assert days_until(age, so_far, 1.0) is None


def test_the_first_looks_without_a_bet_are_passed_over():
    age, so_far = course()
    so_far.means[:3], so_far.variances[:3] = 0, 0
    assert days_until(age, so_far, float(so_far.information[-1])) is not None


def test_without_bets_it_is_too_early_to_say():
    age, so_far = course()
    nothing = Contrast(so_far.means, so_far.variances, so_far.effective_users, np.full(14, False))
    assert days_until(age, nothing, 1.0) is None


def test_the_detectable_uplift_halves_with_four_times_the_users():
    rng = np.random.default_rng(19)

    def of(users):
        halves = rng.poisson(rng.gamma(2.0, 1.0, users), (2, users)).astype(np.float64)
        return detectable_uplift(PrePeriod.of_users(*halves), control_share=0.5, variant_share=0.5, planned_days=28)

    assert of(10_000) / of(40_000) == pytest.approx(2.0, rel=0.05)

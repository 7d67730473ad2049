"""Credits of interleaved lists."""

import numpy as np
import pytest

from recommendations.experiments.statistics.interleaving import Credits, follow_credits


def of_users(users, share_of_b, seed=19):
    rng = np.random.default_rng(seed)
    number = rng.poisson(0.5, users)
    b = rng.binomial(number, share_of_b)
    return (number - b).astype(np.float64), b.astype(np.float64)


def test_the_users_are_the_unit():
    """One user's hundred bets are one opinion."""
    a, b = np.array([100.0, 0.0]), np.array([0.0, 40.0])
    looks = follow_credits(Credits.of_users(a, b), planned=140.0)
    assert looks.z == pytest.approx([-60 / np.sqrt(100**2 + 40**2)])


def test_the_interval_excludes_0_exactly_where_the_preference_is_significant():
    for seed in range(40):
        found = Credits.of_users(*of_users(600, 0.57, seed))
        looks = follow_credits(found, planned=float((found.a + found.b)[0]))
        assert (looks.low[0] > 0 or looks.high[0] < 0) == (looks.first_significant == 0)


def test_a_preference_is_found_and_measured():
    looks = follow_credits(Credits.of_users(*of_users(4_000, 0.6)), planned=2_000.0)
    assert looks.first_significant == 0
    assert 0 < looks.low[0] < 0.2 < looks.high[0] < 0.3


def test_few_credits_say_nothing():
    looks = follow_credits(Credits.of_users(np.zeros(29), np.ones(29)), planned=29.0)
    assert (looks.z[0], looks.low[0], looks.high[0]) == (0.0, -1.0, 1.0)


def test_no_credits_say_nothing():
    looks = follow_credits(Credits.of_users(np.zeros(0), np.zeros(0)), planned=29.0)
    assert (looks.estimate[0], looks.low[0], looks.high[0]) == (0.0, -1.0, 1.0)

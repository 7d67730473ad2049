"""Sample ratio mismatch."""

import numpy as np
import pytest

from recommendations.experiments.statistics.mismatch import is_mismatch, log_evidence

HALVES = np.array([0.5, 0.5])


def test_the_evidence_is_the_ratio_of_two_likelihoods():
    """Of one user, both say 1/2; of two in one arm, a prior of 500 and 500 says 1/2 x 501/1,001."""
    counts = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, 1.0]])
    assert np.exp(log_evidence(counts, HALVES)) == pytest.approx([1.0, 2 * 501 / 1001, 2 * 500 / 1001])


def test_the_evidence_against_right_shares_is_1_on_average():
    shares = np.array([0.9, 0.1])
    chances = [np.prod(np.where(np.arange(6) < k, 0.1, 0.9)) for k in range(7)]
    ways = [1, 6, 15, 20, 15, 6, 1]
    evidence = np.exp(log_evidence(np.array([[6.0 - k, k] for k in range(7)]), shares))
    assert (np.array(ways) * chances * evidence).sum() == pytest.approx(1)


@pytest.mark.parametrize(("counts", "expected"), [([5_000, 5_100], False), ([5_000, 5_600], True), ([50, 20], False)])
def test_an_arm_that_loses_users_is_found(counts, expected):
    assert is_mismatch(np.array([counts], dtype=float), HALVES) is expected


def test_one_look_beyond_is_enough():
    assert is_mismatch(np.array([[5_000.0, 5_600.0], [10_000.0, 10_000.0]]), HALVES)


@pytest.mark.parametrize("shares", [[0.5, 0.4], [1.0, 0.0], [0.3, 0.3, 0.4]])
def test_shares_that_are_none_are_an_error(shares):
    with pytest.raises(ValueError, match="add up to 1"):
        log_evidence(np.array([[1.0, 1.0]]), np.array(shares))

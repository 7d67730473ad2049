"""The boundary of |z|."""

import numpy as np
import pytest

from recommendations.experiments.statistics.boundary import alpha_of_each, boundary, mixture, planned_end

CLOCK = np.array([0.05, 0.25, 0.5, 1.0, 2.0, 4.0, 20.0])


@pytest.mark.parametrize(
    ("alpha", "expected"),
    [
        # ville 0.1.0: normal_mixture(tau, alpha, rho) / sqrt(tau), with rho = 1 / (a + ln(a + 1)), a = -2 ln(alpha)
        (0.01, [5.140656008976911, 3.772506775125337, 3.612623306002699, 3.5716299708704495, 3.5956047991328743,
                3.6532876514893693, 3.8365621418485985]),
        (0.05, [4.718793463117083, 3.264293371826405, 3.0835687143683495, 3.035208990376253, 3.0614772188674166,
                3.1271141436879906, 3.336857533786599]),
    ],
)  # fmt: skip
def test_the_mixture_equals_that_of_another_library(alpha, expected):
    assert mixture(CLOCK, alpha) == pytest.approx(expected, rel=1e-14)


def test_the_mixture_is_tightest_at_the_planned_end():
    around = np.linspace(0.5, 2.0, 151)
    assert around[mixture(around, 0.01).argmin()] == pytest.approx(1.0, abs=0.05)


def test_both_boundaries_at_once_are_those_of_the_design():
    assert boundary(np.array([0.25, 0.5, 1.0, 4.0])) == pytest.approx([3.77, 3.29, 2.33, 3.65], abs=0.005)


def test_after_the_planned_end_the_mixture_alone_holds():
    assert planned_end(np.array([1.0, 1.000001]), 0.04) == pytest.approx([2.3263479, np.inf])


@pytest.mark.covered
def test_a_random_walk_crosses_it_in_fewer_than_alpha_of_the_cases():
    rng, steps = np.random.default_rng(19), 2_000
    tau = np.arange(1, 2 * steps + 1) / steps  # up to twice the planned end
    walks = rng.normal(size=(2_000, len(tau))).cumsum(axis=1) / np.sqrt(steps)
    crossed = (np.abs(walks) / np.sqrt(tau) > boundary(tau)).any(axis=1)
    assert 0.025 < crossed.mean() < 0.05


def test_variants_share_the_alpha():
    assert alpha_of_each(3) == pytest.approx(0.025)
    with pytest.raises(ValueError, match="at least 2 variants; got 1"):
        alpha_of_each(1)


def test_an_alpha_outside_0_and_1_is_an_error():
    with pytest.raises(ValueError, match=r"got 1\.5"):
        boundary(CLOCK, 1.5)

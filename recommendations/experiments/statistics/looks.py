"""The looks of an experiment: the first significant one, and intervals that are valid at any number of looks."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .boundary import ALPHA, Floats, boundary
from .contrast import Contrast


@dataclass(frozen=True, slots=True)
class Looks:
    """Arrays of shape (looks,), in chronological order.

    `tau`: clock, 1 at the planned end. `z`: difference in standard errors. `bound`: the |z| that is significant.
    `estimate`: estimated effect. `low`, `high`: its 95 % confidence interval (for alpha = .05), the intersection of all
    intervals up to this look, which together cover the true effect with that probability. `has_changed`: the
    intersection is empty, because the effect has changed, or by chance in one of twenty experiments; then the interval
    is that of this look alone.
    """

    tau: Floats
    z: Floats
    bound: Floats
    estimate: Floats
    low: Floats
    high: Floats
    has_changed: npt.NDArray[np.bool_]

    @property
    def first_significant(self) -> int | None:
        """The index of the first look beyond the boundary. Later looks do not change it."""
        beyond = np.flatnonzero(np.abs(self.z) > self.bound)
        return int(beyond[0]) if len(beyond) else None


def follow(contrast: Contrast, planned: float, alpha: float = ALPHA) -> Looks:
    """The looks of an A/B test or a holdout. Effects are uplifts: .1 is 10 % more than the control. `planned` is from
    `planned_variance`."""
    tau = contrast.information / planned
    bound = boundary(tau, alpha)
    low, high = uplift_interval(contrast, bound)
    control = contrast.means[:, 0]
    uplift = np.where(control > 0, contrast.means[:, 1] / np.where(control > 0, control, 1.0) - 1, 0.0)
    return looks_of(tau, contrast.z, bound, estimate=uplift, low=low, high=high)


def uplift_interval(contrast: Contrast, bound: Floats) -> tuple[Floats, Floats]:
    """The uplifts that are within `bound` standard errors at each look, by Fieller's theorem (1954): all ratios r with
    |m_T - r m_C| <= bound sqrt(v_T + r^2 v_C). It excludes 0 exactly where |z| exceeds the bound. From -1 to infinity
    if the look does not count, or the control's mean is within `bound` standard errors of 0."""
    (control, variant), (v_c, v_t) = contrast.means.T, contrast.variances.T
    squared = bound**2
    a, b, c = control**2 - squared * v_c, control * variant, variant**2 - squared * v_t
    is_bounded = contrast.counts & (a > 0) & (b * b >= a * c)
    safe_a = np.where(is_bounded, a, 1.0)
    root = np.sqrt(np.where(is_bounded, b * b - a * c, 0.0))
    low = np.where(is_bounded, np.maximum((b - root) / safe_a, 0.0) - 1, -1.0)
    high = np.where(is_bounded, (b + root) / safe_a - 1, np.inf)
    return low, high


def looks_of(tau: Floats, z: Floats, bound: Floats, *, estimate: Floats, low: Floats, high: Floats) -> Looks:
    """Looks with the running intersection of their intervals."""
    highest_low, lowest_high = np.maximum.accumulate(low), np.minimum.accumulate(high)
    is_empty = np.maximum.accumulate(highest_low > lowest_high)
    return Looks(
        tau, z, bound, estimate, np.where(is_empty, low, highest_low), np.where(is_empty, high, lowest_high), is_empty
    )

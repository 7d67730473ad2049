"""The time until an experiment finds a difference of a given size."""

from math import exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np

from .boundary import ALPHA, END_SHARE, Floats, mixture
from .clock import PRE_PERIOD_DAYS, PrePeriod, planned_variance

UPLIFT = 0.10  # the default difference of forecasts
POWER = 0.8  # the probability of finding it
LONGEST_DAYS = 365
_MAX_EXPONENT = 0.5  # power of time: that of independent days of the same users; it is higher while users enter
_FEWEST_DAYS = 4  # before a forecast


def detectable_uplift(
    pre: PrePeriod, *, control_share: float, variant_share: float, planned_days: int, alpha: float = ALPHA
) -> float:
    """The smallest uplift found by the planned end with a probability of 80 %, computed before the start from the users
    of the pre-period. Infinite if they have no bets. Raises TooLittleHistory like `planned_variance`."""
    planned = planned_variance(pre, control_share=control_share, variant_share=variant_share, planned_days=planned_days)
    effective = pre.users * control_share * variant_share / (control_share + variant_share)
    mean = (pre.x1 + pre.x2) / pre.users * planned_days / PRE_PERIOD_DAYS
    return _signal_needed(alpha) * sqrt(planned) / (effective * mean) if mean > 0 else inf


def forecast(
    days: Floats, signals: Floats, clocks: Floats, *, uplift: float = UPLIFT, alpha: float = ALPHA
) -> float | None:
    """The day by which a true `uplift` is found with a probability of 80 %, at the pace so far.

    One value per look, shape (looks,): `days`, the age of the experiment, ascending; `signals`, the control's mean in
    standard errors, 0 if the look does not count; `clocks`, tau. Signal and clock are extrapolated as powers of time
    from the looks at half the age and now. Infinite if it takes more than a year; None in the first days.
    """
    ages = np.flatnonzero(signals > 0)
    if not len(ages) or days[ages[-1]] < _FEWEST_DAYS:
        return None
    now = int(ages[-1])
    half = int(ages[np.abs(days[ages] - days[now] / 2).argmin()])
    if half == now:
        return None
    stretch = log(days[now] / days[half])
    signal_power = min(max(log(signals[now] / signals[half]) / stretch, 0.0), _MAX_EXPONENT)
    clock_power = max(log(clocks[now] / clocks[half]) / stretch, 0.0)
    for day in range(max(int(days[now]), 1), LONGEST_DAYS + 1):
        pace = day / float(days[now])
        if power(uplift * signals[now] * pace**signal_power, clocks[now] * pace**clock_power, alpha) >= POWER:
            return float(day)
    return inf


def power(signal: float, tau: float, alpha: float = ALPHA) -> float:
    """The probability that a difference of `signal` standard errors at the clock `tau` has been found by then.

    Up to the planned end, the probability that a Brownian motion with drift crosses a line (Siegmund 1985, 3.15);
    afterwards a lower bound, the larger one of that probability and the probability by the mixture at this look.
    """
    b = NormalDist().inv_cdf(1 - END_SHARE * alpha / 4)
    root = sqrt(min(tau, 1.0))
    drift = signal / sqrt(tau)
    by_end = _phi(drift * root - b / root) + exp(min(2 * drift * b, 700.0)) * _phi(-drift * root - b / root)
    if tau <= 1:
        return by_end
    return max(by_end, _phi(signal - float(mixture(np.array(tau), (1 - END_SHARE) * alpha))))


def _signal_needed(alpha: float) -> float:
    """The signal at the planned end that is found with a probability of 80 %, by bisection."""
    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if power(middle, 1.0, alpha) >= POWER else (middle, high)
    return high


_phi = NormalDist().cdf

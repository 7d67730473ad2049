"""How long an experiment takes until it can tell a difference of a given size."""

from math import exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np

from .boundary import ALPHA, END_SHARE, Floats, mixture
from .clock import PRE_PERIOD_DAYS, PrePeriod, planned_variance

UPLIFT = 0.10  # the difference that forecasts are about, unless told
POWER = 0.8  # the probability with which it is to be found
LONGEST_DAYS = 365
_FASTEST = 0.5  # power of time: independent days of the same users; more while users are still coming in
_FEWEST_DAYS = 4  # before a forecast


def detectable_uplift(
    pre: PrePeriod, *, control_share: float, variant_share: float, planned_days: int, alpha: float = ALPHA
) -> float:
    """Before the start: the smallest uplift found by the planned end with a probability of 80 %, from users seen in the
    pre-period alone. Infinite where they bet nothing. Raises TooLittleHistory like `planned_variance`."""
    planned = planned_variance(pre, control_share=control_share, variant_share=variant_share, planned_days=planned_days)
    effective = pre.users * control_share * variant_share / (control_share + variant_share)
    mean = (pre.x1 + pre.x2) / pre.users * planned_days / PRE_PERIOD_DAYS
    return _signal_needed(alpha) * sqrt(planned) / (effective * mean) if mean > 0 else inf


def forecast(
    days: Floats, signals: Floats, clocks: Floats, *, uplift: float = UPLIFT, alpha: float = ALPHA
) -> float | None:
    """The day by which a true `uplift` is found with a probability of 80 %, at the pace so far.

    One value a look, shape (looks,): `days`, the age of the experiment, ascending; `signals`, the control's mean in
    standard errors, 0 where the look does not count; `clocks`, tau. Signal and clock continue as powers of time from
    the looks at half the age and now. Infinite if it takes more than a year; None while it is too early to say.
    """
    ages = np.flatnonzero(signals > 0)
    if not len(ages) or days[ages[-1]] < _FEWEST_DAYS:
        return None
    now = int(ages[-1])
    half = int(ages[np.abs(days[ages] - days[now] / 2).argmin()])
    if half == now:
        return None
    stretch = log(days[now] / days[half])
    signal_power = min(max(log(signals[now] / signals[half]) / stretch, 0.0), _FASTEST)
    clock_power = max(log(clocks[now] / clocks[half]) / stretch, 0.0)
    for day in range(max(int(days[now]), 1), LONGEST_DAYS + 1):
        pace = day / float(days[now])
        if power(uplift * signals[now] * pace**signal_power, clocks[now] * pace**clock_power, alpha) >= POWER:
            return float(day)
    return inf


def power(signal: float, tau: float, alpha: float = ALPHA) -> float:
    """The probability that a difference of `signal` standard errors at the clock `tau` has been found by then.

    Up to the planned end, of a Brownian motion with drift that crosses a line (Siegmund 1985, 3.15); afterwards at
    least what was found by then, or what the mixture finds at this look.
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

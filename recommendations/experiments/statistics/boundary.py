"""The boundary of |z| that is valid at any number of looks.

The clock `tau` is the variance so far as a share of the planned one (`planned_variance`): 1 at the planned end.
"""

from math import log
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ALPHA = 0.05
END_SHARE = 0.8  # the share of alpha for looks up to the planned end; the rest is for all looks
_SMALLEST = 1e-12  # of the clock, so that no look divides by zero


def boundary(tau: Floats, alpha: float = ALPHA) -> Floats:
    """The |z| above which a difference is significant at the clock `tau`, of any shape.

    It is the lower one of two boundaries (union bound): without a difference, |z| ever crosses it with a probability of
    at most `alpha`. Raises ValueError for an alpha outside (0, 1).
    """
    _check(alpha)
    return np.minimum(planned_end(tau, END_SHARE * alpha), mixture(tau, (1 - END_SHARE) * alpha))


def planned_end(tau: Floats, alpha: float) -> Floats:
    """|W(tau)| <= b up to tau = 1, by the reflection principle; infinite afterwards.

    P(max |W| > b) <= 2 P(max W > b) = 4 P(W(1) > b). The limit of O'Brien and Fleming's boundary (1979) for infinitely
    many looks.
    """
    _check(alpha)
    b = NormalDist().inv_cdf(1 - alpha / 4)
    return np.where(tau <= 1, b / np.sqrt(_positive(tau)), np.inf)


def mixture(tau: Floats, alpha: float) -> Floats:
    """Robbins' normal mixture (1970), tightest at tau = 1, valid at all times.

    sqrt(2 (R + 1) / R ln(sqrt(R + 1) / alpha)) with R = tau (a + ln(a + 1)), a = -2 ln(alpha): Howard, Ramdas,
    McAuliffe, Sekhon 2021; for averages of any distribution, asymptotically: Waudby-Smith, Arbour, Sinha, Kennedy,
    Ramdas 2024.
    """
    _check(alpha)
    a = -2 * log(alpha)
    r = _positive(tau) * (a + log(a + 1))
    bound: Floats = np.sqrt(2 * (r + 1) / r * np.log(np.sqrt(r + 1) / alpha))
    return bound


def alpha_of_each(variants: int, alpha: float = ALPHA) -> float:
    """The alpha of each comparison with the control (Bonferroni), for `variants` arms including the control."""
    if variants < 2:
        raise ValueError(f"An experiment compares at least 2 variants; got {variants}.")
    return alpha / (variants - 1)


def _positive(tau: Floats) -> Floats:
    return np.maximum(tau, _SMALLEST)


def _check(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1; got {alpha}.")

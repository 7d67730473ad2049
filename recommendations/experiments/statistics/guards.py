"""Guards: tests of whether a variant is beyond a limit, valid at any number of looks."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .boundary import Floats, boundary
from .contrast import Contrast
from .errors import TooLittleHistory
from .looks import Looks, follow, looks_of, uplift_interval

ALPHA = 0.01
FEWEST_USERS = 100  # in each arm before a look at rare days counts
FEWEST_RARE = 20  # users with such a day, in one of the arms: the other may have none
_ACTIVE_SHARE = 0.25  # of a user's days, for the plan of rare days
_RARE_SHARE = 0.01  # of a user's active days


def breaks_uplift_limit(contrast: Contrast, planned: float, limit: float, alpha: float = ALPHA) -> bool:
    """Whether the uplift is significantly beyond `limit`: above a positive one, below a negative one; .05 is 5 % more.

    One-sided: a variant exactly at the limit is stopped with a probability of at most `alpha`, at any number of looks.
    """
    low, high = uplift_interval(contrast, _one_sided(contrast, planned, alpha))
    return _is_beyond(low, high, limit)


def breaks_difference_limit(contrast: Contrast, planned: float, limit: float, alpha: float = ALPHA) -> bool:
    """Whether the difference, in units of the metric per user, is significantly beyond `limit`. For metrics whose mean
    in the control may be 0."""
    low, high = _difference_interval(contrast, _one_sided(contrast, planned, alpha))
    return _is_beyond(low, high, limit)


def follow_uplift(contrast: Contrast, planned: float) -> Looks:
    """The looks of a guard of an uplift: the interval excludes a limit once it is broken."""
    return follow(contrast, planned, 2 * ALPHA)


def follow_difference(contrast: Contrast, planned: float) -> Looks:
    """The looks of a guard of a difference, in units of the metric per user."""
    bound = _one_sided(contrast, planned, ALPHA)
    low, high = _difference_interval(contrast, bound)
    return looks_of(contrast.information / planned, contrast.z, bound, estimate=contrast.difference, low=low, high=high)


def count_rare(contrast: Contrast, users: Floats, bettors: Floats) -> Contrast:
    """The contrast of rare days, such as those with an empty answer: looks count even if one arm has none. `users` and
    `bettors` of each arm have the shape (looks, 2)."""
    counts = (users.min(axis=1) >= FEWEST_USERS) & (bettors.max(axis=1) >= FEWEST_RARE)
    return replace(contrast, counts=counts)


def planned_rare_variance(users: float, *, control_share: float, variant_share: float, planned_days: int) -> float:
    """The planned `Contrast.information` of rare days, from the number of `users` alone, since their past may have no
    such day. Raises TooLittleHistory without users."""
    if users < 1:
        raise TooLittleHistory("No users were seen in the 28 days before the start.")
    shares = control_share * variant_share / (control_share + variant_share)
    return users * shares * planned_days * _ACTIVE_SHARE * _RARE_SHARE


def _difference_interval(contrast: Contrast, bound: Floats) -> tuple[Floats, Floats]:
    half = bound * np.sqrt(contrast.variance)
    low = np.where(contrast.counts, contrast.difference - half, -np.inf)
    high = np.where(contrast.counts, contrast.difference + half, np.inf)
    return low, high


def _one_sided(contrast: Contrast, planned: float, alpha: float) -> Floats:
    return boundary(contrast.information / planned, 2 * alpha)


def _is_beyond(low: Floats, high: Floats, limit: float) -> bool:
    beyond: npt.NDArray[np.bool_] = low > limit if limit > 0 else high < limit
    return bool(beyond.any())

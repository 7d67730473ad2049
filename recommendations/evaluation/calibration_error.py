"""How far confidence is from the share of slips that hold a bet."""

import numpy as np

from recommendations.offer.arrays import Floats, Places

_MOST_GROUPS, _LEAST_SLIPS = 5, 100


def calibration_error(confidences: Floats, held: Floats) -> float:
    """The expected calibration error (Naeini et al. 2015) of n slips, both of shape (n,): the difference of mean
    confidence and share of `held` by group of like confidence, weighted by the groups' sizes. Up to five groups of at
    least about 100 slips, since the share of few is a matter of chance; slips of equal confidence are in one."""
    groups = max(min(_MOST_GROUPS, len(confidences) // _LEAST_SLIPS), 1)
    own = _like_groups(confidences, groups)
    return float(np.abs(np.bincount(own, confidences - held)).sum() / len(confidences))


def _like_groups(values: Floats, number: int) -> Places:
    """The group of each value, of up to `number` groups of like ones, about equally large; equal values are in one."""
    bounds = np.unique(np.quantile(values, np.arange(number) / number, method="lower"))
    return np.searchsorted(bounds, values, side="right") - 1

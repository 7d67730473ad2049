"""The calibration error of slips' confidence."""

import numpy as np

from recommendations.offer.arrays import Floats, Places

_MOST_GROUPS, _LEAST_SLIPS = 5, 100


def calibration_error(confidences: Floats, held: Floats) -> float:
    """The expected calibration error (Naeini et al. 2015) of n slips; both arrays have the shape (n,). It is the mean
    difference of a group's mean confidence and its share of `held`, weighted by the groups' sizes. The groups are up to
    five quantiles of confidence, of at least about 100 slips; equal confidences are in the same group."""
    groups = max(min(_MOST_GROUPS, len(confidences) // _LEAST_SLIPS), 1)
    own = _quantile_groups(confidences, groups)
    return float(np.abs(np.bincount(own, confidences - held)).sum() / len(confidences))


def _quantile_groups(values: Floats, number: int) -> Places:
    """The index of each value's group; equal values are in the same one of up to `number` groups."""
    bounds = np.unique(np.quantile(values, np.arange(number) / number, method="lower"))
    return np.searchsorted(bounds, values, side="right") - 1

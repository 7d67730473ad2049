"""Guards: whether a variant does more harm than a limit allows, at any look."""

import numpy as np
import numpy.typing as npt

from .boundary import Floats, boundary
from .contrast import Contrast
from .looks import uplift_interval

ALPHA = 0.01


def breaks_uplift_limit(contrast: Contrast, planned: float, limit: float, alpha: float = ALPHA) -> bool:
    """Whether the uplift is significantly beyond `limit`: above a positive one, below a negative one; .05 is 5 % more.

    One-sided: a variant exactly at the limit is stopped with a probability of at most `alpha`, however often one looks.
    """
    low, high = uplift_interval(contrast, _one_sided(contrast, planned, alpha))
    return _is_beyond(low, high, limit)


def breaks_difference_limit(contrast: Contrast, planned: float, limit: float, alpha: float = ALPHA) -> bool:
    """The same for a difference, in units of the metric per user: of metrics whose mean in the control may be 0."""
    half = _one_sided(contrast, planned, alpha) * np.sqrt(contrast.variance)
    low = np.where(contrast.counts, contrast.difference - half, -np.inf)
    high = np.where(contrast.counts, contrast.difference + half, np.inf)
    return _is_beyond(low, high, limit)


def _one_sided(contrast: Contrast, planned: float, alpha: float) -> Floats:
    return boundary(contrast.information / planned, 2 * alpha)


def _is_beyond(low: Floats, high: Floats, limit: float) -> bool:
    beyond: npt.NDArray[np.bool_] = low > limit if limit > 0 else high < limit
    return bool(beyond.any())

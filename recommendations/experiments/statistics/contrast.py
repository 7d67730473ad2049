"""The difference between a variant and the control, adjusted by the users' pre-period."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .boundary import Floats
from .moments import Moments

FEWEST_BETTORS = 20  # in each arm before a look counts: the method is asymptotic
_FEWEST_IN_STRATUM = 10  # users in each arm before a stratum counts
_SMALLEST = 1e-300


@dataclass(frozen=True, slots=True)
class Contrast:
    """The comparison of a variant with the control at each look; arrays of shape (looks,), in units of the metric per
    user.

    `means` and `variances` of the adjusted mean have shape (looks, 2): control, variant. `effective_users` is
    n_C n_T / (n_C + n_T). `counts`: whether enough users have bet for the look to count.
    """

    means: Floats
    variances: Floats
    effective_users: Floats
    counts: npt.NDArray[np.bool_]

    @property
    def difference(self) -> Floats:
        difference: Floats = self.means[:, 1] - self.means[:, 0]
        return difference

    @property
    def variance(self) -> Floats:
        variance: Floats = self.variances.sum(axis=1)
        return variance

    @property
    def z(self) -> Floats:
        """The difference in standard errors; 0 if the look does not count."""
        z: Floats = np.where(self.counts, self.difference / np.sqrt(np.maximum(self.variance, _SMALLEST)), 0.0)
        return z

    @property
    def signal(self) -> Floats:
        """The control's mean in standard errors of the difference; 0 if the look does not count."""
        is_known = self.counts & (self.means[:, 0] > 0) & (self.variance > 0)
        errors = np.sqrt(np.where(is_known, self.variance, 1.0))
        signal: Floats = np.where(is_known, self.means[:, 0] / errors, 0.0)
        return signal

    @property
    def information(self) -> Floats:
        """The variance of effective_users x difference, which grows with every bet: the unscaled clock."""
        information: Floats = self.effective_users**2 * self.variance
        return information


def contrast(moments: Moments, variant: int = 1) -> Contrast:
    """The adjusted means and their variances, from `moments` of shape (looks, arms, strata).

    CUPED (Deng, Xu, Kohavi, Walker 2013): y - theta (x - mean of x) with one theta, the pooled cov(x, y) / var(x)
    within arms and strata. Strata are weighted by their users (post-stratification: Miratrix, Sekhon, Yu 2013); one
    with fewer than 10 users in an arm is left out.
    """
    pair = moments.pair(variant)
    users = np.maximum(pair.users, 1.0)
    mean_y, mean_x = pair.y / users, pair.x / users
    var_y, var_x = pair.yy / users - mean_y**2, pair.xx / users - mean_x**2
    cov = pair.xy / users - mean_x * mean_y
    theta = (users * cov).sum(axis=(1, 2)) / np.maximum((users * var_x).sum(axis=(1, 2)), _SMALLEST)
    theta = theta[:, np.newaxis, np.newaxis]

    stratum_mean = pair.x.sum(axis=1, keepdims=True) / users.sum(axis=1, keepdims=True)
    adjusted = mean_y - theta * (mean_x - stratum_mean)
    variance = (var_y - 2 * theta * cov + theta**2 * var_x) / np.maximum(pair.users - 1, 1.0)
    weights = _weights(pair.users)
    arm_users = pair.users.sum(axis=2)
    return Contrast(
        means=(weights * adjusted).sum(axis=2),
        variances=(weights**2 * variance).sum(axis=2),
        effective_users=arm_users.prod(axis=1) / np.maximum(arm_users.sum(axis=1), 1.0),
        counts=(pair.bettors.sum(axis=2).min(axis=1) >= FEWEST_BETTORS) & (weights.sum(axis=(1, 2)) > 0),
    )


def _weights(users: Floats) -> Floats:
    """The share of each stratum among the users, shape (looks, 1, strata); 0 if an arm has too few users."""
    stratum_users = users.sum(axis=1, keepdims=True) * (users.min(axis=1, keepdims=True) >= _FEWEST_IN_STRATUM)
    weights: Floats = stratum_users / np.maximum(stratum_users.sum(axis=2, keepdims=True), 1.0)
    return weights

"""The variance planned for an experiment's end, fixed before its start: the unit of its clock."""

from dataclasses import dataclass
from math import sqrt
from typing import Self

from .boundary import Floats
from .errors import TooLittleHistory

PRE_PERIOD_DAYS = 28
CREDIT_DAYS = 3  # the fewest days of an interleaving before it is planned
FEWEST_CREDITS_TO_PLAN = 20
_FEWEST_USERS = 20
_LEAST_UNEXPLAINED = 0.01  # of the variance: a plan of 0 would make the clock infinite


@dataclass(frozen=True, slots=True)
class PrePeriod:
    """Sums over the users seen in the pre-period: x1 and x2 are a user's sums of the metric in its two halves."""

    users: float
    x1: float
    x2: float
    x1x1: float
    x2x2: float
    x1x2: float

    @classmethod
    def of_users(cls, x1: Floats, x2: Floats) -> Self:
        """The sums over users, from both sums of each user, arrays of shape (users,)."""
        sums = (x1.sum(), x2.sum(), (x1 * x1).sum(), (x2 * x2).sum(), (x1 * x2).sum())
        return cls(float(len(x1)), *map(float, sums))

    @property
    def variance(self) -> float:
        """The variance of a user's sum in the whole pre-period."""
        return self._var1 + self._var2 + 2 * self._covariance

    @property
    def reliability(self) -> float:
        """The correlation of a user's sums in two such periods: the correlation of the halves, stepped up to the whole
        (Spearman and Brown 1910). At least 0."""
        product = self._var1 * self._var2
        r = max(self._covariance / sqrt(product), 0.0) if product > 0 else 0.0
        return 2 * r / (1 + r)

    @property
    def _var1(self) -> float:
        return max(self.x1x1 / self.users - (self.x1 / self.users) ** 2, 0.0)

    @property
    def _var2(self) -> float:
        return max(self.x2x2 / self.users - (self.x2 / self.users) ** 2, 0.0)

    @property
    def _covariance(self) -> float:
        return self.x1x2 / self.users - self.x1 * self.x2 / self.users**2


def planned_variance(pre: PrePeriod, *, control_share: float, variant_share: float, planned_days: int) -> float:
    """The planned `Contrast.information` at the end: users x c t / (c + t) x var(x) x days / 28 x (1 - r^2), where
    1 - r^2 is at least 0.01.

    `control_share` and `variant_share` are of all users. A plan that is wrong by a factor of two costs power, but adds
    no false positives. Raises TooLittleHistory for fewer than 20 users, or users whose sums do not differ.
    """
    if pre.users < _FEWEST_USERS or pre.variance <= 0:
        raise TooLittleHistory(
            f"Only {pre.users:.0f} users have a history of bets: an experiment needs {_FEWEST_USERS} or more, with "
            f"different numbers of bets. Start it once the casino has some weeks of coupons."
        )
    shares = control_share * variant_share / (control_share + variant_share)
    user_variance = pre.variance * planned_days / PRE_PERIOD_DAYS * max(1 - pre.reliability**2, _LEAST_UNEXPLAINED)
    return pre.users * shares * user_variance


def planned_credit_variance(credits: float, days: int, planned_days: int) -> float:
    """The planned variance of an interleaving: the number of `credits` to either list in its first `days`,
    extrapolated, since each credit's sign is a coin. `days` is the first whole number from 3 on with 20 credits; looks
    count from then on. Raises TooLittleHistory for fewer days or credits."""
    if days < CREDIT_DAYS or credits < FEWEST_CREDITS_TO_PLAN:
        raise TooLittleHistory(
            f"{credits:.0f} credits in {days} days are too few to plan an interleaving: it needs {CREDIT_DAYS} days "
            f"and {FEWEST_CREDITS_TO_PLAN} credits. Look again tomorrow."
        )
    return credits * planned_days / days

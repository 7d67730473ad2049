"""Confidence intervals of a share of user-days, which are correlated within a user."""

from math import sqrt

import msgspec

_Z = 1.959964  # of 95 %


class ShareInterval(msgspec.Struct, frozen=True):
    """A share with its 95 % confidence interval."""

    share: float
    low: float
    high: float

    def differs_from(self, other: "ShareInterval") -> bool:
        """Whether two independent shares differ significantly (95 %): the hybrid score interval of the difference
        (Newcombe 1998, method 10) excludes 0. For two weeks of the same users the test is conservative."""
        higher, lower = (self, other) if self.share >= other.share else (other, self)
        spread = sqrt((higher.share - higher.low) ** 2 + (lower.high - lower.share) ** 2)
        return higher.share - lower.share > spread


def share_interval(hits: int, cases: int, days: int) -> ShareInterval | None:
    """The interval of the share of `hits` among `cases` user-days on `days` days; None without cases.

    Wilson's score interval (1927) of cases / days independent cases, as if each user did the same on all days: it is
    never too narrow for regular users.
    """
    if not cases:
        return None
    share, number = hits / cases, cases / max(days, 1)
    squared = _Z**2
    middle = (share + squared / (2 * number)) / (1 + squared / number)
    half = _Z / (1 + squared / number) * sqrt(share * (1 - share) / number + squared / (4 * number**2))
    return ShareInterval(share, max(middle - half, 0.0), min(middle + half, 1.0))

"""Confidence intervals of a share of users' days, whose days of one user are alike."""

from math import sqrt

import msgspec

_Z = 1.959964  # of 95 %


class ShareInterval(msgspec.Struct, frozen=True):
    """A share with its 95 % confidence interval."""

    share: float
    low: float
    high: float

    def differs_from(self, other: "ShareInterval") -> bool:
        """Whether the difference of two independent shares is more than chance (95 %): the hybrid score interval
        (Newcombe 1998, method 10) excludes 0. Of two weeks with the same users it says so too rarely, not too often."""
        higher, lower = (self, other) if self.share >= other.share else (other, self)
        spread = sqrt((higher.share - higher.low) ** 2 + (lower.high - lower.share) ** 2)
        return higher.share - lower.share > spread


def share_interval(hits: int, cases: int, days: int) -> ShareInterval | None:
    """The interval of `hits` among `cases` users' days, which are on `days` days; None without cases.

    Wilson's score interval (1927) of cases / days independent cases: as if a user did the same on all days. So the
    interval is never too narrow for regular users, and for one day it is Wilson's own.
    """
    if not cases:
        return None
    share, number = hits / cases, cases / max(days, 1)
    squared = _Z**2
    middle = (share + squared / (2 * number)) / (1 + squared / number)
    half = _Z / (1 + squared / number) * sqrt(share * (1 - share) / number + squared / (4 * number**2))
    return ShareInterval(share, max(middle - half, 0.0), min(middle + half, 1.0))

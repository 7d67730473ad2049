"""A casino's history as a replay walks through it: events that open and begin, coupons, odds that change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats


@dataclass(frozen=True, slots=True)
class PastCoupon:
    """A coupon that was bought. `places` are its events' in the history; `timestamp`: Unix seconds."""

    user_id: int
    timestamp: float
    places: tuple[int, ...]
    stake: float = 1.0


@dataclass(frozen=True, slots=True)
class OddsChange:
    """From `timestamp` (Unix seconds) on, the event at `place` has another odd."""

    timestamp: float
    place: int
    odd: float


@dataclass(frozen=True, slots=True)
class PastUser:
    """What users say of themselves. Of users who are not known, nothing is."""

    country: str = ""
    favorite_sport: str = ""


UNKNOWN_USER = PastUser()


@dataclass(frozen=True, slots=True)
class History:
    """All `events`, with the odds at which they open; `opens_at` (Unix seconds) has shape (n,). `coupons` and
    `odds_changes` are in the order of time. `left_out` counts selections of events that are not among these."""

    events: Offer
    opens_at: Floats
    coupons: Sequence[PastCoupon]
    users: Mapping[int, PastUser] = field(default_factory=dict)
    odds_changes: Sequence[OddsChange] = ()
    left_out: int = 0
    casino_id: int = 0

    def user(self, user_id: int) -> PastUser:
        return self.users.get(user_id, UNKNOWN_USER)

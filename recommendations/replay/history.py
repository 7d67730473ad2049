"""A casino's history as the input of a replay: events, coupons, odds changes, users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats


@dataclass(frozen=True, slots=True)
class PastCoupon:
    """A purchased coupon. `places` are the indices of its events in the history; `timestamp`: Unix seconds."""

    user_id: int
    timestamp: float
    places: tuple[int, ...]
    stake: float = 1.0


@dataclass(frozen=True, slots=True)
class OddsChange:
    """From `timestamp` (Unix seconds) on, the event at `place` has this odd."""

    timestamp: float
    place: int
    odd: float


@dataclass(frozen=True, slots=True)
class PastUser:
    """A user's own country and favourite sport; empty if unknown."""

    country: str = ""
    favorite_sport: str = ""


UNKNOWN_USER = PastUser()


@dataclass(frozen=True, slots=True)
class History:
    """All `events` with their opening odds; `opens_at` (Unix seconds) has shape (n,). `coupons` and `odds_changes` are
    in chronological order. `left_out` is the number of selections of unknown events."""

    events: Offer
    opens_at: Floats
    coupons: Sequence[PastCoupon]
    users: Mapping[int, PastUser] = field(default_factory=dict)
    odds_changes: Sequence[OddsChange] = ()
    left_out: int = 0
    casino_id: int = 0

    def user(self, user_id: int) -> PastUser:
        return self.users.get(user_id, UNKNOWN_USER)

"""What a user bet on, as it is tallied: selections, what they weigh, and the bands of their odds."""

from bisect import bisect_right
from datetime import UTC, datetime
from typing import Annotated

import msgspec

LANDMARK = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
HALF_LIFE = 30 * 86_400.0  # seconds
BAND_BOUNDS = (1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)


Match = tuple[str, str, str, str]  # sport, league, home team, away team
Text = Annotated[str, msgspec.Meta(min_length=1)]
EventId = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Odd = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class RecentSelection(msgspec.Struct, frozen=True, gc=False):
    """One selection of a user's coupon. `timestamp`: Unix seconds."""

    timestamp: float
    event_id: int | None
    sport: str
    league: str
    country: str
    home_team: str
    away_team: str
    odd: float


class TallySelection(msgspec.Struct, gc=False):
    """One selection inside a coupon that is to be added."""

    sport: Text
    league: Text
    country: Text
    home_team: Text
    away_team: Text
    event_id: EventId | None = None
    odd: Odd | None = None


class TallyCoupon(msgspec.Struct, array_like=True, gc=False):
    """A coupon that is to be added. `key` tells it from the user's others; `timestamp`: Unix seconds."""

    key: int
    timestamp: float
    stake: float
    selections: list[TallySelection]


def odds_band(odd: float) -> int:
    """Which of the bands between `BAND_BOUNDS` an odd lies in; a bound belongs to the band above it."""
    return bisect_right(BAND_BOUNDS, odd)


def weight_at(timestamp: float) -> float:
    """What a selection of that time weighs against others; the landmark's weigh 1.

    Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009): weights grow with time, so that
    sums of them stay good for ever; `decay_to` makes ages of them. From the year 2000 to 2100 they fit a float.
    """
    return float(2.0 ** min((timestamp - LANDMARK) / HALF_LIFE, 1_000.0))


def decay_to(now: float) -> float:
    """By what to multiply weights, so that a selection of `now` weighs 1, one of a half-life before 1/2."""
    return 1.0 / weight_at(now)

"""Selections as tallies count them: their classes, decayed weights and odds bands."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from tenants.ids import MAX_ID

LANDMARK = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
HALF_LIFE = 30 * 86_400.0  # seconds: how fast selections lose weight in users' tallies
BAND_BOUNDS = (1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)  # an odd's band is `bisect_right(BAND_BOUNDS, odd)`
Text = Annotated[str, msgspec.Meta(min_length=1)]
EventId = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Odd = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class RecentSelection(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A selection of a user's coupon, as stored in the user's tallies. `timestamp`: Unix seconds. Void: no odd. The
    league and the teams are keys, see `identity`. `market` and `outcome` are empty where the coupon names none, and
    `line` is its band, see `outcome_keys`."""

    timestamp: float
    event_id: int | None
    sport: str
    league: str
    country: str
    home_team: str
    away_team: str
    odd: float | None
    market: str = ""
    line: str = ""
    outcome: str = ""


class BetSequence(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest events that a user bet on, in the order of the first bets on each, with their times (Unix seconds);
    `last`: the selection that was the first bet on the last of them, None without any."""

    event_ids: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    last: RecentSelection | None = None


NO_SEQUENCE = BetSequence()


class TallySelection(msgspec.Struct, gc=False):
    """A selection of a `TallyCoupon`. Unknown league and country, and a one-sided event's away team, are empty; so are
    `market`, `line` and `outcome` of a selection that names none."""

    sport: Text
    league: str
    country: str
    home_team: Text
    away_team: str
    category: str = ""
    event_id: EventId | None = None
    odd: Odd | None = None
    market: str = ""
    line: str = ""
    outcome: str = ""


class TallyCoupon(msgspec.Struct, array_like=True, gc=False):
    """A coupon to add to tallies. `key` is unique among the user's coupons; `timestamp`: Unix seconds. `unread_events`:
    the ids of events whose selections could not be read."""

    key: int
    timestamp: float
    stake: float
    selections: list[TallySelection]
    unread_events: list[EventId] = []


def weight_at(timestamp: float) -> float:
    """The weight of a selection of that time, 1 at the landmark.

    Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009): weights grow with time, so sums of
    them never need an update; divided by `weight_at(now)` they are decayed weights, 1 for a selection of now and 1/2
    for one of a half-life ago. From 2000 to 2100 they fit a float.
    """
    return float(2.0 ** min((timestamp - LANDMARK) / HALF_LIFE, 1_000.0))

"""Selections in tallies: their classes, decayed weights and odds bands."""

from datetime import UTC, datetime
from typing import Annotated

import msgspec

from tenants.ids import MAX_ID

LANDMARK = datetime(2020, 1, 1, tzinfo=UTC).timestamp()
WEIGHT_HALF_LIFE = 30 * 86_400.0  # seconds, of selections' weights in users' and casinos' tallies
BAND_BOUNDS = (1.2, 1.35, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)  # an odd's band is `bisect_right(BAND_BOUNDS, odd)`
Text = Annotated[str, msgspec.Meta(min_length=1)]
EventId = Annotated[int, msgspec.Meta(ge=1, le=MAX_ID)]
Odd = Annotated[float, msgspec.Meta(ge=0, le=1e9)]


class RecentSelection(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A selection of a user's coupon, as stored in the user's tallies. `timestamp`: Unix seconds. `odd`: None if void.
    League and teams are keys (see `identity`). `market` and `outcome` are empty if the coupon names none; `line` is the
    line's band (see `outcome_keys`)."""

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
    """The events on which a user bet last, in order of the first bet on each, with its time (Unix seconds). `last`: the
    selection of the first bet on the last event, None without events."""

    event_ids: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    last: RecentSelection | None = None


NO_SEQUENCE = BetSequence()


class TallySelection(msgspec.Struct, gc=False):
    """A selection of a `TallyCoupon`. Texts are empty if unknown (league, country), for the away team of a one-sided
    event, and in a selection that names no market (`market`, `line`, `outcome`)."""

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
    """A coupon to add to tallies. `key` is unique among the user's coupons. `timestamp`: Unix seconds. `unread_events`:
    the event ids of unreadable selections."""

    key: int
    timestamp: float
    stake: float
    selections: list[TallySelection]
    unread_events: list[EventId] = []


def weight_at(timestamp: float) -> float:
    """The weight of a selection at `timestamp` (Unix seconds); 1 at the landmark.

    Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward decay", ICDE 2009): weights grow with time, so that
    sums of weights need no update. Divided by `weight_at(now)` they are decayed weights: 1 for a selection made now,
    1/2 for one made a half-life ago. From 2000 to 2100 they fit a float.
    """
    return float(2.0 ** min((timestamp - LANDMARK) / WEIGHT_HALF_LIFE, 1_000.0))

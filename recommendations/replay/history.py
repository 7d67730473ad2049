"""A casino's history, the input of a replay: events, coupons, odds changes, users."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import floor, inf
from typing import Generic, NamedTuple, TypeVar

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats

DAY = 86_400.0  # seconds


class PastOutcome(NamedTuple):
    """An outcome of a market; `line` is empty in a market without lines."""

    market: str
    line: str
    outcome: str


@dataclass(frozen=True, slots=True)
class PastCoupon:
    """A purchased coupon. `places`: the indices of its events in the history. `timestamp`: Unix seconds. `bets`: for
    each selection that names an outcome, its event's place and the outcome."""

    user_id: int
    timestamp: float
    places: tuple[int, ...]
    stake: float = 1.0
    bets: tuple[tuple[int, PastOutcome], ...] = ()


@dataclass(frozen=True, slots=True)
class OddsChange:
    """The event at `place` has this odd from `timestamp` (Unix seconds) on."""

    timestamp: float
    place: int
    odd: float


@dataclass(frozen=True, slots=True)
class PriceChange:
    """This outcome of the event at `place` has this odd from `timestamp` (Unix seconds) on; None: it is closed."""

    timestamp: float
    place: int
    outcome: PastOutcome
    odd: float | None


@dataclass(frozen=True, slots=True)
class PastUser:
    """A user's country and favourite sport; empty if unknown."""

    country: str = ""
    favorite_sport: str = ""


UNKNOWN_USER = PastUser()


@dataclass(frozen=True, slots=True)
class History:
    """All `events` with their opening odds; `opens_at` (Unix seconds) has shape (n,). `coupons`, `odds_changes` and
    `price_changes` are in chronological order. `left_out`: the number of selections of unknown events. `known_since`
    (Unix seconds): some earlier coupons are missing."""

    events: Offer
    opens_at: Floats
    coupons: Sequence[PastCoupon]
    users: Mapping[int, PastUser] = field(default_factory=dict)
    odds_changes: Sequence[OddsChange] = ()
    price_changes: Sequence[PriceChange] = ()
    left_out: int = 0
    casino_id: int = 0
    known_since: float = -inf

    def user(self, user_id: int) -> PastUser:
        return self.users.get(user_id, UNKNOWN_USER)


Slips = dict[tuple[int, int], tuple[int, ...]]


def slips_of(coupons: Iterable[PastCoupon]) -> Slips:
    """(user, second) -> the distinct events, as places in the history, of the user's coupons of that second. They are
    legs of one slip, which some casinos send as several coupons."""
    slips = defaultdict[tuple[int, int], dict[int, None]](dict)
    for coupon in coupons:
        slips[slip_key(coupon)].update(dict.fromkeys(coupon.places))
    return {key: tuple(legs) for key, legs in slips.items()}


def slip_key(coupon: PastCoupon) -> tuple[int, int]:
    return coupon.user_id, floor(coupon.timestamp)


Change = TypeVar("Change", bound=OddsChange | PriceChange)


class InTurn(Generic[Change]):
    """Changes in chronological order, of which each is returned once, as time moves on."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = changes
        self._given = 0

    def before(self, now: float) -> Iterator[Change]:
        """Yield the changes before `now` (Unix seconds) that were not yet returned."""
        while self._given < len(self._changes) and self._changes[self._given].timestamp < now:
            self._given += 1
            yield self._changes[self._given - 1]

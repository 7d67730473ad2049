"""The slips that a replay shows, and the bets on their events within a day."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from .history import DAY, PastCoupon


@dataclass(slots=True)
class ShownSlip:
    """A slip shown at `timestamp` (Unix seconds) to a user with this number of `coupons`: the first `events` of
    `places` in the history; the other places are those of longer slips. `confidence`: None for a slip to which
    confidence is calibrated. `shares`: of the first 1, 2, .. places in the softmax of the scores, for a calibrated
    recommender. `first_hit`: the number, from 1, of the first place on which the user bets within a day; infinity
    without one."""

    timestamp: float
    coupons: int
    places: Sequence[int]
    shares: list[float]
    confidence: float | None
    events: int
    first_hit: float = inf

    @property
    def held(self) -> bool:
        """Whether the user bet on one of the shown events."""
        return self.first_hit <= self.events


class ShownSlips:
    """Slips in chronological order. `over`: the slips whose day is over."""

    def __init__(self) -> None:
        self.over: list[ShownSlip] = []
        self._open = deque[ShownSlip]()
        self._by_user: dict[int, list[ShownSlip]] = defaultdict(list)

    def show(self, user_id: int, slip: ShownSlip) -> None:
        self._open.append(slip)
        self._by_user[user_id].append(slip)

    def move_to(self, now: float) -> None:
        """Move the slips whose day was over before `now` to `over`."""
        while self._open and self._open[0].timestamp + DAY < now:
            self.over.append(self._open.popleft())

    def add(self, coupon: PastCoupon) -> None:
        """Record a coupon's bets. Its time must not be before the last `move_to`."""
        mine = self._by_user.get(coupon.user_id)
        if not mine:
            return
        mine[:] = [each for each in mine if each.timestamp + DAY >= coupon.timestamp]
        for slip in mine:
            found = (number for number, place in enumerate(slip.places, start=1) if place in coupon.places)
            slip.first_hit = min(slip.first_hit, next(found, inf))

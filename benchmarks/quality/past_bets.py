"""The bets of a history up to a time. All peers use them, so that none sees a later bet."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from recommendations.offer.arrays import Floats, Mask, Places
from recommendations.replay.decayed_sums import DecayedSums
from recommendations.replay.history import History, InTurn

HOUR, DAY = 3_600.0, 86_400.0
HALF_LIVES = (HOUR, DAY, 7 * DAY)


class PastBets:
    """The coupons of a history so far, with m events; `add_next` adds the next one.

    `counts` (m,): each event's bets; `pairs` (m, m): the number of users who bet on both events, and on the diagonal
    the number who bet on the event; `odds` (m,) at the time `now`; `bets_of`: a user's number of bets by the event's
    index, in the order of the first bets.
    """

    def __init__(self, history: History) -> None:
        size = len(history.events)
        self.history = history
        self.coupons, self.now = 0, -np.inf
        self.counts = np.zeros(size)
        self.pairs = np.zeros((size, size))
        self.odds = history.events.odds.copy()
        self.bets_of: dict[int, dict[int, int]] = {}
        self._recent = [DecayedSums(size, half_life) for half_life in HALF_LIVES]
        self._odds_changes = InTurn(history.odds_changes)

    def move_to(self, now: float) -> None:
        """Apply the odds changes before `now` (Unix seconds)."""
        self.now = now
        for change in self._odds_changes.before(now):
            self.odds[change.place] = change.odd

    def add_next(self) -> None:
        """Add the history's next coupon."""
        coupon = self.history.coupons[self.coupons]
        self.coupons += 1
        own = self.bets_of.setdefault(coupon.user_id, {})
        for place in coupon.places:
            self.counts[place] += 1
            for sums in self._recent:
                sums.add(coupon.timestamp, place)
            if place not in own:
                self.pairs[[*own, place], place] += 1
                self.pairs[place, [*own]] += 1
            own[place] = own.get(place, 0) + 1

    def recent(self, now: float) -> Floats:
        """The events' bets, decayed with each of `HALF_LIVES` up to `now`; shape (half-lives, m)."""
        return np.stack([sums.at(now) for sums in self._recent])

    def places_of(self, user_id: int) -> list[int]:
        """The places of the user's events, in the order of the first bets."""
        return [*self.bets_of.get(user_id, ())]

    def open_to(self, user_id: int, now: float) -> Places:
        """The places of the open events that the user has not bet on."""
        events = self.history.events
        is_open: Mask = (self.history.opens_at <= now) & (events.begins > now)
        is_open[self.places_of(user_id)] = False
        return np.flatnonzero(is_open)

    def matrix(self, user_ids: Iterable[int] | None = None) -> Any:
        """The numbers of bets of these users, else of all, as a sparse matrix of shape (users, m)."""
        bets = [self.bets_of.get(user_id, {}) for user_id in (self.bets_of if user_ids is None else user_ids)]
        starts = np.cumsum([0, *map(len, bets)])
        numbers = [number for own in bets for number in own.values()]
        places = [place for own in bets for place in own]
        return csr_matrix((np.array(numbers, np.float32), places, starts), shape=(len(bets), self.counts.size))

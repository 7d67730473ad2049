"""Counts of events that users bet on one after another, and of each event's bets at several time scales."""

from array import array
from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from math import log1p

import numpy as np

from recommendations.offer import Memo, MemoKey, Offer
from recommendations.offer.arrays import Floats, Ids, Places

HOUR, DAY = 3_600.0, 86_400.0
_TIMES = (HOUR, 6 * HOUR, 3 * DAY, 7 * DAY)  # half-lives, in seconds
_PACES = (30.0, 100.0, 1_000.0)  # half-lives, in selections of the casino
SCALES = ("1 hour", "6 hours", "3 days", "7 days", "30 bets", "100 bets", "1000 bets")
MAX_USER_EVENTS = 10  # the user's latest events, which are co-bets of a new one
MIN_SELECTIONS = 10_000  # selections at least; at twice as many, the older half is forgotten
_MAX_HALF_LIVES = 60.0  # until the sums move to a later reference, to avoid a float overflow
_ROOM = 256  # events, at first
_EMPTY_ROW = array("i")
_LONG = 100  # pairs in a row; above, numpy counts them faster
_PLACES = MemoKey[tuple[Ids, Places]]("places in an offer")


class PairCounts:
    """The number of each pair of slots, by the first slot. It stores the second slots of all pairs, of four bytes each.
    One thread adds, others may read."""

    def __init__(self) -> None:
        self._rows: dict[int, array[int]] = {}

    def add(self, first: int, second: int) -> None:
        row = self._rows.get(first)
        if row is None:
            row = self._rows[first] = array("i")
        row.append(second)

    def row(self, first: int) -> tuple[Places, Floats]:
        """The second slots of pairs with this first slot, and the pairs' numbers, including all additions so far."""
        row = self._rows.get(first, _EMPTY_ROW)[:]  # a copy: an array that numpy reads can't grow
        if len(row) < _LONG:
            counted = Counter(row)
            return np.fromiter(counted, np.intp, len(counted)), np.fromiter(counted.values(), np.float64, len(counted))
        counts = np.bincount(np.frombuffer(row, np.intc))
        slots: Places = np.flatnonzero(counts)
        return slots, counts[slots].astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class SequenceCounts:
    """The counts as of one moment. Each of m events has a slot, in the order of their first bets: `event_ids` (m,).
    `scales` (scales, m): log(1 + bets), decayed with the half-lives of `SCALES` as of the latest bet. `recency` (m,):
    minus the logarithm of the number of the casino's selections since the event's latest; `never`: for an event without
    any. `bettors` (m,): number of users; `followed` (m,): number of users who bet on another event afterwards.
    `next_bets`: pairs of an event and a user's next one; `previous_bets`: the reverse; `co_bets`: both, of a user's
    last `MAX_USER_EVENTS`. Unlike the arrays, the pairs grow with later coupons."""

    event_ids: Ids
    slots: Mapping[int, int]
    scales: Floats
    recency: Floats
    never: float
    bettors: Floats
    followed: Floats
    next_bets: PairCounts
    previous_bets: PairCounts
    co_bets: PairCounts
    memo: Memo = field(default_factory=Memo, repr=False)

    def places_in(self, offer: Offer) -> Places:
        """The place of each slot's event in the offer, and one entry for the end of the slots; the offer's length for
        an event that is not in the offer. Shape (m + 1,)."""
        cached = self.memo.get(_PLACES)
        if cached is not None and cached[0] is offer.ids:
            return cached[1]
        places = np.searchsorted(offer.ids, self.event_ids)
        if len(offer):
            is_there = offer.ids[np.minimum(places, len(offer) - 1)] == self.event_ids
            places = np.where(is_there, places, len(offer))
        return self.memo.keep(_PLACES, (offer.ids, np.append(places, len(offer)).astype(np.intp)))[1]

    def pairs_of(self, pairs: PairCounts, slot: int) -> tuple[Places, Floats]:
        """The second slots of pairs with this first slot, and the pairs' numbers, without events newer than the
        counts."""
        slots, numbers = pairs.row(slot)
        is_known = slots < self.event_ids.size
        return slots[is_known], numbers[is_known]

    def users_of(self, pairs: PairCounts, event_id: int, other_id: int) -> float:
        """The number of users with this pair of events."""
        first, second = self.slot_of(event_id), self.slot_of(other_id)
        if first is None or second is None:
            return 0.0
        slots, numbers = pairs.row(first)
        return float(numbers[slots == second].sum())

    def slot_of(self, event_id: int) -> int | None:
        slot = self.slots.get(event_id, self.event_ids.size)
        return slot if slot < self.event_ids.size else None

    def along(self, offer: Offer, numbers: Floats, others: float = 0.0) -> Floats:
        """The numbers, shape (m,), in the order of the offer, shape (n,); `others` for events without bets."""
        found = np.full(len(offer) + 1, others)
        found[self.places_in(offer)[:-1]] = numbers
        return found[:-1]


class BetSequences:
    """Builds `SequenceCounts` coupon by coupon. A user's first bet on an event is a step in the user's sequence; all
    bets count for popularity. Coupons are expected in order of time; a late one counts on arrival. The latest
    `MIN_SELECTIONS` to 2 * `MIN_SELECTIONS` selections count, in the replay as in serving."""

    def __init__(self) -> None:
        self._coupons: deque[tuple[int, float, list[int]]] = deque()  # the counted coupons
        self._start()

    def _start(self) -> None:
        self._slots: dict[int, int] = {}  # by event id
        self._users: dict[int, dict[int, None]] = {}  # user -> slots in the order of the first bets
        self._sums = np.zeros((_ROOM, len(SCALES)))  # by forward decay (Cormode et al., ICDE 2009)
        self._latest = np.zeros((_ROOM, 3))  # number of the latest selection, bettors, followed
        self._now = self._then = 0.0  # times of the latest bet and of the sums' reference, Unix seconds
        self.selections = self._selections_then = 0  # the same as numbers of selections
        self._next, self._previous, self._co_bets = PairCounts(), PairCounts(), PairCounts()
        self._counts: SequenceCounts | None = None

    @property
    def event_ids(self) -> Collection[int]:
        return self._slots.keys()

    def add(self, user_id: int, timestamp: float, event_ids: Iterable[int]) -> None:
        """Add a coupon, bought at `timestamp` (Unix seconds)."""
        coupon = user_id, timestamp, list(event_ids)
        self._coupons.append(coupon)
        if self.selections >= 2 * MIN_SELECTIONS:
            self._forget()
        else:
            self._add(*coupon)
        self._counts = None

    def _forget(self) -> None:
        """Recount only the latest coupons. Counts that were returned before do not change."""
        kept = deque[tuple[int, float, list[int]]]()
        size = 0
        while self._coupons and size < MIN_SELECTIONS:
            kept.appendleft(self._coupons.pop())
            size += len(kept[0][2])
        self._coupons = kept
        self._start()
        for coupon in kept:
            self._add(*coupon)

    def _add(self, user_id: int, timestamp: float, event_ids: list[int]) -> None:
        events = self._users.setdefault(user_id, {})
        for event_id in event_ids:
            slot = self._slot_of(event_id)
            self._count(slot, timestamp)
            if slot not in events:
                self._extend(events, slot)

    def counts(self) -> SequenceCounts:
        """The counts of all coupons so far."""
        if self._counts is None:
            size = len(self._slots)
            latest, bettors, followed = self._latest[:size].T.copy()
            self._counts = SequenceCounts(
                event_ids=np.fromiter(self._slots, np.int64, size),
                slots=self._slots,
                scales=np.log1p((self._sums[:size] * self._decay()).T),
                recency=-np.log1p(self.selections - latest),
                never=-log1p(self.selections),
                bettors=bettors,
                followed=followed,
                next_bets=self._next,
                previous_bets=self._previous,
                co_bets=self._co_bets,
            )
        return self._counts

    def _count(self, slot: int, timestamp: float) -> None:
        if not self.selections:
            self._now = self._then = timestamp
        self._now, self.selections = max(self._now, timestamp), self.selections + 1
        if self._is_far():
            self._sums *= self._decay()
            self._then, self._selections_then = self._now, self.selections
        age, number = timestamp - self._then, self.selections - self._selections_then
        self._sums[slot] += [*(2.0 ** (age / each) for each in _TIMES), *(2.0 ** (number / each) for each in _PACES)]
        self._latest[slot, 0] = self.selections

    def _is_far(self) -> bool:
        """Whether the reference of the sums is so old that they may overflow."""
        return self._now - self._then > _MAX_HALF_LIVES * min(
            _TIMES
        ) or self.selections - self._selections_then > _MAX_HALF_LIVES * min(_PACES)

    def _decay(self) -> Floats:
        """The factors that convert the sums to decayed sums as of now, shape (scales,)."""
        age, number = self._then - self._now, self._selections_then - self.selections
        exponents = np.concatenate([age / np.array(_TIMES), number / np.array(_PACES)])
        decay: Floats = 2.0 ** np.maximum(exponents, -1_000.0)
        return decay

    def _extend(self, events: dict[int, None], slot: int) -> None:
        last = next(reversed(events), None)
        for other in islice(reversed(events), MAX_USER_EVENTS):
            self._co_bets.add(slot, other)
            self._co_bets.add(other, slot)
        if last is not None:
            self._next.add(last, slot)
            self._previous.add(slot, last)
            self._latest[last, 2] += 1
        self._latest[slot, 1] += 1
        events[slot] = None

    def _slot_of(self, event_id: int) -> int:
        slot = self._slots.setdefault(event_id, len(self._slots))
        if slot == len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
            self._latest = np.concatenate([self._latest, np.zeros_like(self._latest)])
        return slot

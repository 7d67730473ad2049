"""A vector for each user, similar for users with similar bets, and for each event the sum of its bettors' vectors."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import msgspec
import numpy as np

from recommendations.offer import Memo, MemoKey, Offer
from recommendations.offer.arrays import Floats, Floats32, Ids, Mask, Places
from recommendations.recommenders.base import require

MAX_WIDTH = 256
_ROOM = 256  # events, at first
_ALIGNED = MemoKey[tuple[Ids, Places, Floats32, Floats]]("aligned with an offer")


class StoredUserVectors(msgspec.Struct, array_like=True):
    width: int
    user_ids: bytes
    vectors: bytes


@dataclass(frozen=True, slots=True, eq=False)
class UserVectors:
    """`vectors` (users, d): the scalar product of two is the users' similarity. `user_ids` (users,): sorted."""

    user_ids: Ids
    vectors: Floats32

    def of(self, user_id: int) -> Floats32 | None:
        """The user's vector; None for a user who had no coupons at the fit."""
        place = int(self.user_ids.searchsorted(user_id))
        return self.vectors[place] if place < self.user_ids.size and self.user_ids[place] == user_id else None

    def only(self, is_kept: Mask) -> "UserVectors":
        """The vectors of the users with `is_kept`, shape (users,)."""
        return UserVectors(self.user_ids[is_kept], self.vectors[is_kept])

    def encode(self) -> bytes:
        halves = self.vectors.astype(np.float16)
        return msgspec.msgpack.encode(
            StoredUserVectors(self.vectors.shape[1], self.user_ids.tobytes(), halves.tobytes())
        )

    @classmethod
    def decode(cls, encoded: bytes) -> "UserVectors":
        stored = msgspec.msgpack.decode(encoded, type=StoredUserVectors)
        require(0 < stored.width <= MAX_WIDTH, f"user vectors have {stored.width} numbers each")
        vectors = np.frombuffer(stored.vectors, dtype=np.float16).astype(np.float32).reshape(-1, stored.width)
        user_ids = np.frombuffer(stored.user_ids, dtype=np.int64)
        require(len(user_ids) == len(vectors), f"{len(user_ids)} users have {len(vectors)} vectors")
        require(np.all(user_ids[1:] > user_ids[:-1]), "users of the vectors are not sorted")
        require(np.isfinite(vectors).all(), "user vectors are out of range")
        return cls(user_ids, vectors)


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """A user's similarity to the bettors of the events at `places` (ascending) of an offer: `total` is the sum over the
    bettors, `mean` their average, shrunk towards 0 for few bettors; shape (m,). Other events have no bettors, and 0."""

    places: Places
    total: Floats
    mean: Floats

    def at(self, places: Places) -> Floats:
        """(total, mean) of these events, shape (2, places)."""
        found = np.zeros((2, places.size))
        if self.places.size:
            own = np.minimum(self.places.searchsorted(places), self.places.size - 1)
            is_there = self.places[own] == places
            own = own[is_there]
            found[0, is_there], found[1, is_there] = self.total[own], self.mean[own]
        return found

    def best_of(self, among: Mask) -> float:
        """The largest total among these events, a mask of the offer's shape; 0 without events."""
        is_among = among[self.places]
        best = float(self.total.max(where=is_among, initial=-np.inf))
        if best >= 0.0:
            return best
        has_others = np.count_nonzero(among) > np.count_nonzero(is_among)
        return 0.0 if has_others or best == -np.inf else best


@dataclass(frozen=True, slots=True, eq=False)
class CoBettors:
    """The sums (m, d) of the vectors of the bettors of m events (`event_ids`, sorted), and the counts (m,) of bettors.
    Immutable."""

    user_vectors: UserVectors
    event_ids: Ids
    sums: Floats32
    counts: Floats
    memo: Memo = field(default_factory=Memo, repr=False)

    def likeness(self, user_id: int, offer: Offer) -> "Likeness | None":
        """The user's likeness to the bettors of each event; None for a user without a vector."""
        user_vector = self.user_vectors.of(user_id)
        if user_vector is None:
            return None
        cached = self.memo.get(_ALIGNED)
        if cached is None or cached[0] is not offer.ids:
            cached = self.memo.keep(_ALIGNED, (offer.ids, *self._align(offer.ids)))
        _, places, sums, divisors = cached
        total = (sums @ user_vector).astype(np.float64)
        return Likeness(places, total, total / divisors)

    def _align(self, ids: Ids) -> tuple[Places, Floats32, Floats]:
        """The places and sums of the events in the offer, and the divisors of the sums for the shrunk mean."""
        if not ids.size:
            return np.empty(0, dtype=np.intp), self.sums[:0], self.counts[:0]
        places = np.minimum(np.searchsorted(ids, self.event_ids), ids.size - 1)
        is_there = ids[places] == self.event_ids
        return places[is_there], self.sums[is_there], self.counts[is_there] + 1.0


class CoBettorSums:
    """Builds `CoBettors` bet by bet. A user counts once per event; a user without a vector does not count."""

    def __init__(self, user_vectors: UserVectors) -> None:
        self.user_vectors = user_vectors
        self._bettors: dict[int, set[int]] = {}  # event -> users
        self._places: dict[int, int] = {}
        self._sums = np.zeros((_ROOM, user_vectors.vectors.shape[1]), dtype=np.float32)
        self._next = 0  # of the rows of the sums
        self._co_bettors: CoBettors | None = None

    def add(self, user_id: int, event_ids: Sequence[int]) -> None:
        user_vector = self.user_vectors.of(user_id)
        for event_id in event_ids if user_vector is not None else ():
            bettors = self._bettors.setdefault(event_id, set())
            if user_id not in bettors:
                bettors.add(user_id)
                place = self._place_of(event_id)
                self._sums[place] += user_vector
                self._co_bettors = None

    def forget(self, event_ids: Iterable[int]) -> None:
        """Remove finished events."""
        for event_id in event_ids:
            if self._bettors.pop(event_id, None) is not None:
                del self._places[event_id]
                self._co_bettors = None

    @property
    def event_ids(self) -> Collection[int]:
        return self._bettors.keys()

    def co_bettors(self) -> CoBettors:
        """The co-bettors of all bets so far."""
        if self._co_bettors is None:
            ids = np.array(sorted(self._bettors), dtype=np.int64)
            places = np.array([self._places[event_id] for event_id in ids.tolist()], dtype=np.intp)
            counts = np.array([len(self._bettors[event_id]) for event_id in ids.tolist()], dtype=np.float64)
            self._co_bettors = CoBettors(self.user_vectors, ids, self._sums[places], counts)
        return self._co_bettors

    def _place_of(self, event_id: int) -> int:
        place = self._places.get(event_id)
        if place is None:
            if self._next == len(self._sums):
                self._make_room()
            place = self._places[event_id] = self._next
            self._next += 1
        return place

    def _make_room(self) -> None:
        """Remove the rows of forgotten events, and double the room for others."""
        places = [*self._places.values()]
        room = np.zeros((2 * len(places) + _ROOM, self._sums.shape[1]), dtype=np.float32)
        room[: len(places)] = self._sums[places]
        self._sums, self._next = room, len(places)
        self._places = {event_id: place for place, event_id in enumerate(self._places)}

"""One user's tallies: lifetime counts, decayed weights, and the newest selections and stakes. Leagues and teams are
keys (see `identity`).

Coupons may be added in any order. The result is the same except for rounding of the weights, and except for users with
more than `MAX_VALUES` values of one attribute, of which `encode_bounded` keeps the most important ones.
"""

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property
from math import inf
from statistics import median
from typing import Any

import msgspec

from recommendations.errors import UnknownTalliesFormat
from recommendations.offer import ATTRIBUTES
from recommendations.validation.fields import SEPARATOR
from recommendations.validation.identity import Match, keys_of_bet

from .outcome_bets import NO_BAND, OutcomeBet, names_outcome, numbers_of_bets, texts_of_bets, with_bets
from .outcome_bets import WIDTH as BET_WIDTH
from .packed_tallies import (
    MAX_BYTES,
    TALLIED,
    WIDTH,
    PackedTallies,
    RecentCoupon,
    amount_of,
    bands_of,
    by_selection,
    cents_of,
    columns_of,
    numbers_of,
    unpack_tallies,
    word_indices,
)
from .selections import NO_SEQUENCE, BetSequence, RecentSelection, TallyCoupon, weight_at

RECENT_SELECTIONS = 300
RECENT_STAKES = 50
MAX_SEQUENCE = 20  # events
MAX_VALUES = 1_000  # of one attribute, besides the values of recent selections
MAX_OPEN_EVENTS = 5_000  # of older selections: the maximal number of ids, and of matches

_MAX_VALUES_IN_MEMORY, _MAX_EVENTS_IN_MEMORY = 20 * MAX_VALUES, 20 * MAX_OPEN_EVENTS
_ZERO = (0, 0.0)
_NOTHING = frozenset({"", SEPARATOR})  # last characters of unknown words: empty text, and keys without a name

# Values that recommenders derive from tallies, by time: from counts and weights, and from bets. There is one time, or
# several if threads use different ones.
Memo = dict[str, Any]
Memos = dict[float, tuple[Memo, Memo]]


class Summary(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The part of a user's tallies that every request needs. `events`, `matches`: see `Tallies.events_bet_on`.
    `stakes`: (timestamp, hundredths) of the `RECENT_STAKES` newest coupons, without free bets, the newest last.
    `names_outcomes`: whether `bets_at` returns any bets. `top_values`: each attribute's two top values, None if not
    requested."""

    events: frozenset[int]
    matches: frozenset[Match]
    sequence: BetSequence
    stakes: list[tuple[float, int | float]]
    names_outcomes: bool
    top_values: dict[str, tuple[str, ...]] | None = None

    def usual_stake(self, *, calm_until: float, since: float = -inf) -> Decimal | None:
        """The median of the stakes from `since` on (Unix seconds); None without stakes.

        Stakes from `calm_until` on may lower it, never raise it: chasing losses must not raise the suggested stake.
        """
        stakes = [each for each in self.stakes if each[0] >= since]
        calm = [cents for timestamp, cents in stakes if timestamp < calm_until]
        cents = [median(each) for each in ([cents for _, cents in stakes], calm) if each]
        return amount_of(min(cents)) if cents else None


class Tallies:
    """The tallies of a user's coupons. Only `add`, `forget_events` and the bounding methods change them."""

    _places: defaultdict[str, int] | None = None  # word -> its index in the list
    _recent: list[list[int]] | None = None
    _counts: dict[str, dict[str, int]] | None = None
    _weights: tuple[float, dict[str, dict[str, float]]] | None = None  # time, weights
    _bets: tuple[float, list[OutcomeBet]] | None = None

    def __init__(self, encoded: bytes | None = None) -> None:
        """`encoded`: a result of `encode`; None for a user without coupons. Raises UnknownTalliesFormat."""
        self._packed = unpack_tallies(encoded)
        self.memos: Memos = {}

    def summarise(self, *, with_top_values: bool = False) -> Summary:
        stakes = [(each.timestamp, each.cents) for each in self._packed.coupons[-RECENT_STAKES:] if each.cents]
        top = {name: self.top(name, 2) for name in ATTRIBUTES} if with_top_values else None
        return Summary(*self.events_bet_on(), self.sequence(), stakes, bool(self._packed.bets), top)

    def encode(self) -> bytes:
        return self._packed.encode()

    def encode_bounded(self) -> bytes:
        """Encode at most `MAX_VALUES` values of each attribute and `MAX_OPEN_EVENTS`; fewer if these take more than
        `MAX_BYTES`. The other values and events are removed from these tallies too."""
        share = 1
        self.bound()
        while len(encoded := self.encode()) > MAX_BYTES and share < MAX_OPEN_EVENTS:
            share *= 2
            self._trim(MAX_VALUES // share, MAX_OPEN_EVENTS // share)
        return encoded

    @property
    def exceeds_memory(self) -> bool:
        """Whether there are many times more values or events than `bound` keeps. It limits memory during additions."""
        is_full_of_values = max(map(len, self._packed.older)) > _MAX_VALUES_IN_MEMORY
        return is_full_of_values or self.older_event_count > _MAX_EVENTS_IN_MEMORY

    def bound(self) -> None:
        """Keep at most `MAX_VALUES` values of each attribute, and `MAX_OPEN_EVENTS`. Call `forget_events` with finished
        events first: they could displace open ones."""
        self._trim(MAX_VALUES, MAX_OPEN_EVENTS)

    def _trim(self, values: int, events: int) -> None:
        if self._packed.trim(values, events):
            self._places = None
            self._forget_computed()

    def _forget_computed(self) -> None:
        self._recent = self._counts = self._weights = self._bets = None
        self.memos = {}

    def memos_at(self, now: float) -> tuple[Memo, Memo]:
        """The memos of these tallies at `now` (Unix seconds): (of counts and weights, of bets). Removes memos of other
        times."""
        memos = self.memos.get(now)
        if memos is None:
            self.memos.clear()
            memos = self.memos.setdefault(now, ({}, {}))
        return memos

    def require_consistent(self) -> None:
        """Raise UnknownTalliesFormat for contradictory numbers, for which other methods raise LookupError or
        ValueError. Not part of decoding, which each request does."""
        if not self._packed.is_consistent:
            raise UnknownTalliesFormat("Stored tallies contradict themselves. Run `manage.py rebuild_profiles`.")

    def add(self, *coupons: TallyCoupon) -> None:
        """Add coupons. Each coupon may be added only once."""
        if not coupons:
            return
        self._forget_computed()
        if self._places is None:
            self._places = word_indices(self._packed.words)
        recent = self._packed.coupons
        for coupon in coupons:
            numbers = numbers_of(coupon.selections, self._places)
            if not self._packed.has_unknown:
                known = (each.league and each.country and each.away_team for each in coupon.selections)
                self._packed.has_unknown = not all(known)
            added = RecentCoupon(coupon.timestamp, coupon.key, cents_of(coupon.stake), numbers)
            if recent and recent[-1] > added:
                insort(recent, added)
            else:
                recent.append(added)
            if names_outcome(coupon.selections) and (bets := numbers_of_bets(coupon.selections, self._places)):
                self._packed.bets[coupon.key] = bets
            self._packed.older_events.update(coupon.unread_events)
        self._packed.words = list(self._places)
        surplus = sum(len(coupon.selections) for coupon in recent) // WIDTH - RECENT_SELECTIONS
        if surplus > 0 or len(recent) > RECENT_STAKES:
            self._age_out(surplus)

    def _age_out(self, surplus: int) -> None:
        """Move the oldest `surplus` recent selections to the sums, and remove coupons that have neither a recent
        selection nor a recent stake."""
        coupons, dropped = self._packed.coupons, 0
        weights, numbers = list[float](), list[int]()
        for coupon in coupons if surplus > 0 else ():
            old = min(surplus, len(coupon.selections) // WIDTH)
            weights += [weight_at(coupon.timestamp)] * old
            numbers += coupon.selections[: old * WIDTH]
            del coupon.selections[: old * WIDTH]
            self._drop_bets(coupon.key, old)
            surplus -= old
            if not surplus:
                break
        self._add_older(weights, numbers)
        while len(coupons) - dropped > RECENT_STAKES and not coupons[dropped].selections:
            dropped += 1
        del coupons[:dropped]

    def _drop_bets(self, key: int, selections: int) -> None:
        """Remove the bets of a coupon's first selections. Sums are not needed: recent bets suffice for choices."""
        numbers = self._packed.bets.get(key, [])
        del numbers[: selections * BET_WIDTH]
        if not any(numbers):
            self._packed.bets.pop(key, None)

    def _add_older(self, weights: Sequence[float], numbers: list[int]) -> None:
        packed = self._packed
        for sums, column in zip(packed.older, columns_of(numbers), strict=True):
            for key, weight in zip(column, weights, strict=True):
                count, total = sums.get(key, _ZERO)
                sums[key] = count + 1, total + weight
        packed.older[-1].pop(NO_BAND, None)
        for event_id, _, _, _, home, away, _ in by_selection(numbers):
            if event_id:
                packed.older_events.add(event_id)
            else:
                packed.older_matches.add((home, away))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Attribute -> value -> lifetime number of selections; values of `odds_band` are its indices as digits."""
        if self._counts is None:
            sums = [Counter(column) for column in self._columns()]
            for each, older in zip(sums, self._packed.older, strict=True):
                if older:
                    each.update({key: count for key, (count, _) in older.items()})
            self._counts = self._by_name(sums)
        return self._counts

    def weights_at(self, now: float) -> dict[str, dict[str, float]]:
        """Attribute -> value -> decayed number of selections; a selection made at `now` (Unix seconds) counts 1."""
        weights = self._weights  # another thread may replace the attribute by weights of another time
        if weights is None or weights[0] != now:
            weights = self._weights = now, self._compute_weights(now)
        return weights[1]

    def _compute_weights(self, now: float) -> dict[str, dict[str, float]]:
        coupons, decay = self._packed.coupons, 1.0 / weight_at(now)
        weighted = [(decay * weight_at(coupon.timestamp), len(coupon.selections) // WIDTH) for coupon in coupons]
        weights = [weight for weight, count in weighted for _ in range(count)]
        sums = [
            defaultdict(float, {key: decay * weight for key, (_, weight) in older.items()})
            for older in self._packed.older
        ]
        for each, column in zip(sums, self._columns(), strict=True):
            for key, weight in zip(column, weights, strict=True):
                each[key] += weight
        return self._by_name(sums)

    def _columns(self) -> list[list[int]]:
        """The columns of the recent selections."""
        if self._recent is None:
            self._recent = columns_of([number for coupon in self._packed.coupons for number in coupon.selections])
        return self._recent

    def bets_at(self, now: float) -> list[OutcomeBet]:
        """The recent selections that name an outcome of a market, with weights as in `weights_at`. Raises LookupError
        or ValueError for contradictory numbers."""
        bets = self._bets
        if bets is None or bets[0] != now:
            bets = self._bets = now, self._find_bets(now)
        return bets[1]

    def _find_bets(self, now: float) -> list[OutcomeBet]:
        packed, weights, numbers, selections = self._packed, list[float](), list[int](), list[int]()
        decay = 1.0 / weight_at(now)
        # lists over all coupons, not per coupon: most coupons have few selections
        for coupon in packed.coupons if packed.bets else ():
            if own := packed.bets.get(coupon.key):
                if len(own) * WIDTH != len(coupon.selections) * BET_WIDTH:
                    raise ValueError(
                        f"{len(own)} numbers of bets do not match {len(coupon.selections)} numbers of selections"
                    )
                weights += [decay * weight_at(coupon.timestamp)] * (len(own) // BET_WIDTH)
                numbers += own
                selections += coupon.selections
        texts = texts_of_bets(numbers, selections[1::WIDTH], packed.words) if numbers else []
        bets = zip(weights, texts, bands_of(selections), strict=True)
        return [(weight, named, band) for weight, named, band in bets if named]

    @property
    def recent(self) -> list[RecentSelection]:
        """The newest selections, at most `RECENT_SELECTIONS`, the newest last."""
        words = self._packed.words
        recent = [
            RecentSelection(
                coupon.timestamp, event_id or None, words[a], words[b], words[c], words[d], words[e], odd / 1000 or None
            )
            for coupon in self._packed.coupons
            for event_id, a, b, c, d, e, odd in by_selection(coupon.selections)
        ]
        return with_bets(recent, self._numbers_of_bets(), words) if self._packed.bets else recent

    def sequence(self) -> BetSequence:
        """The events of the latest recent selections, at most `MAX_SEQUENCE`. Selections without event id are
        skipped."""
        first_bets = dict[int, tuple[RecentCoupon, int]]()
        for coupon in self._packed.coupons:
            for place, event_id in enumerate(coupon.selections[::WIDTH]):
                first_bets.setdefault(event_id, (coupon, place))
        first_bets.pop(0, None)
        if not first_bets:
            return NO_SEQUENCE
        ids, words = tuple(first_bets)[-MAX_SEQUENCE:], self._packed.words
        coupon, place = first_bets[ids[-1]]
        event_id, a, b, c, d, e, odd = coupon.selections[place * WIDTH : (place + 1) * WIDTH]
        last = RecentSelection(
            coupon.timestamp, event_id, words[a], words[b], words[c], words[d], words[e], odd / 1000 or None
        )
        return BetSequence(ids, tuple(first_bets[each][0].timestamp for each in ids), last)

    def _numbers_of_bets(self) -> list[int]:
        """`BET_WIDTH` numbers for each recent selection."""
        bets = self._packed.bets
        nothing = [0] * BET_WIDTH
        return [
            number
            for coupon in self._packed.coupons
            for number in bets.get(coupon.key) or nothing * (len(coupon.selections) // WIDTH)
        ]

    def leagues_within(self, since: float, until: float) -> Counter[str]:
        """League -> number of recent selections after `since`, up to `until` (Unix seconds)."""
        coupons = (coupon for coupon in self._packed.coupons if since < coupon.timestamp <= until)
        numbers = [number for coupon in coupons for number in coupon.selections]
        leagues, words = Counter(numbers[2::WIDTH]), self._packed.words
        return Counter({words[league]: count for league, count in leagues.items()})

    def top(self, attribute: str, limit: int) -> tuple[str, ...]:
        """The values with the most lifetime selections; equal ones in alphabetical order."""
        ranked = sorted((-count, value) for value, count in self.counts[attribute].items())
        return tuple(value for _, value in ranked[:limit])

    @property
    def stakes(self) -> list[tuple[float, Decimal]]:
        """(timestamp, stake) of the newest coupons, at most `RECENT_STAKES`, the newest last."""
        coupons = self._packed.coupons[-RECENT_STAKES:]
        return [(coupon.timestamp, amount_of(coupon.cents)) for coupon in coupons]

    @property
    def older_events(self) -> set[int | Match]:
        """The events of selections that are no longer recent or were unreadable, without forgotten ones: ids, or
        matches for selections without an event id."""
        words = self._packed.words
        return {*self._packed.older_events, *((words[home], words[away]) for home, away in self._packed.older_matches)}

    def events_bet_on(self) -> tuple[frozenset[int], frozenset[Match]]:
        """All events on which the user bet, without forgotten ones: ids, and `keys_of_bet` of matches for selections
        without an event id."""
        packed, words = self._packed, self._packed.words
        ids = packed.older_events.union(*(coupon.selections[::WIDTH] for coupon in packed.coupons))
        matches = packed.older_matches
        if 0 in ids:
            ids.remove(0)
            selections = (each for coupon in packed.coupons for each in by_selection(coupon.selections))
            matches = matches.union((home, away) for event_id, *_, home, away, _ in selections if not event_id)
        keys = (key for home, away in matches for key in keys_of_bet((words[home], words[away])))
        return frozenset(ids), frozenset(keys)

    @property
    def bet_count(self) -> int:
        """The number of selections in recent coupons that name outcomes."""
        return sum(map(len, self._packed.bets.values())) // BET_WIDTH

    @property
    def value_count(self) -> int:
        """The number of distinct values of all attributes together."""
        pairs = zip(self._columns(), self._packed.older, strict=True)
        return sum(len(older.keys() | column) for column, older in pairs)

    @property
    def older_event_count(self) -> int:
        return len(self._packed.older_events) + len(self._packed.older_matches)

    def forget_events(self, events: Iterable[int | Match]) -> None:
        """Remove events from `older_events`: finished events, or events that are no longer stored."""
        self._forget_computed()
        forgotten, words, packed = set(events), self._packed.words, self._packed
        packed.older_events -= forgotten
        packed.older_matches = {
            places for places in packed.older_matches if tuple(words[place] for place in places) not in forgotten
        }

    def _by_name(self, sums: Sequence[Mapping[int, Any]]) -> dict[str, dict[str, Any]]:
        """The sums by the values' names, without unknown values: an unknown country equals no other country."""
        words = self._packed.words
        if self._packed.has_unknown:
            unknown = {place for place, word in enumerate(words) if word[-1:] in _NOTHING}
            sums = [*({key: each[key] for key in each if key not in unknown} for each in sums[:-1]), sums[-1]]
        texts = [{words[key]: value for key, value in each.items()} for each in sums[:-1]]
        bands = {str(key): value for key, value in sums[-1].items() if key != NO_BAND}
        return dict(zip(TALLIED, (*texts, bands), strict=True))


class LazyTallies(Tallies):
    """Tallies that call `merge` when they are first read. `memos`: the cached values derived from the same tallies."""

    def __init__(self, merge: Callable[[], Tallies], memos: Memos) -> None:
        self._merge, self.memos = merge, memos

    @cached_property
    def _packed(self) -> PackedTallies:  # type: ignore[override]
        return self._merge()._packed

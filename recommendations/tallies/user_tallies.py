"""What one user's coupons add up to: counted for life, weighted by age, and the newest of them as they were.

Coupons may be added in any order: the outcome is the same, but for the last digits of the weights.
"""

from bisect import insort
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from math import inf
from statistics import median
from typing import Any

import msgspec

from recommendations.errors import UnknownTalliesFormat

from .selections import Match, RecentSelection, TallyCoupon, TallySelection, decay_to, odds_band, weight_at

RECENT_SELECTIONS = 300
RECENT_STAKES = 50
ATTRIBUTES = ("sport", "league", "country", "home_team", "away_team", "odds_band")

_FORMAT = 1
_WIDTH = 7  # numbers that a selection takes: event id or 0, five places in the list of words, thousandths of the odd
_NOTHING = (0, 0.0)

Sums = dict[int, tuple[int, float]]


class _RecentCoupon(msgspec.Struct, array_like=True, order=True, gc=False):
    """A coupon with those of its selections that are recent, each `_WIDTH` numbers; `cents` is its stake."""

    timestamp: float
    key: int
    cents: int
    selections: list[int]


class _PackedTallies(msgspec.Struct, array_like=True):
    """`older`: for each attribute the (count, weight) of what is no more among the recent selections. What is recent
    is not added up beforehand: a user of a few coupons has nothing else."""

    format: int
    words: list[str] = []
    coupons: list[_RecentCoupon] = []  # the oldest first
    older: list[Sums] = []
    held_events: set[int] = set()
    held_matches: set[tuple[int, int, int, int]] = set()


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(_PackedTallies)


class Tallies:
    """What a user's coupons add up to. `add` changes it; all else answers what was added."""

    def __init__(self) -> None:
        self._state = _PackedTallies(_FORMAT, older=[{} for _ in ATTRIBUTES])
        self._selections = 0
        self._places: dict[str, int] | None = None  # where each word stands in the list
        self._counts: dict[str, dict[str, int]] | None = None

    @classmethod
    def decode(cls, blob: bytes | None) -> "Tallies":
        """The tallies that `encode` gave; those of a user without coupons for None. Raises UnknownTalliesFormat."""
        tallies = cls()
        if blob is not None:
            try:
                tallies._state = _DECODER.decode(blob)
            except msgspec.DecodeError as error:
                raise UnknownTalliesFormat(f"{error}. Run manage.py rebuild_profiles.") from error
            if tallies._state.format != _FORMAT:
                raise UnknownTalliesFormat(f"{tallies._state.format} is not {_FORMAT}. Run manage.py rebuild_profiles.")
            tallies._selections = sum(len(kept.selections) for kept in tallies._state.coupons) // _WIDTH
        return tallies

    def encode(self) -> bytes:
        return _ENCODER.encode(self._state)

    def add(self, *coupons: TallyCoupon) -> None:
        """Count coupons, none twice."""
        if not coupons:
            return
        self._counts = None
        if self._places is None:
            self._places = {word: place for place, word in enumerate(self._state.words)}
        for coupon in coupons:
            numbers = _numbers_of(coupon.selections, self._places)
            self._keep(_RecentCoupon(coupon.timestamp, coupon.key, round(coupon.stake * 100), numbers))
            self._selections += len(coupon.selections)
        self._state.words = list(self._places)
        self._let_go()

    def _keep(self, kept: _RecentCoupon) -> None:
        coupons = self._state.coupons
        if coupons and coupons[-1] > kept:
            insort(coupons, kept)
        else:
            coupons.append(kept)

    def _let_go(self) -> None:
        """Add up what is no longer recent, and forget coupons that nothing more is kept of."""
        coupons, gone = self._state.coupons, 0
        surplus = self._selections - RECENT_SELECTIONS
        for kept in coupons if surplus > 0 else ():
            old = min(surplus, len(kept.selections) // _WIDTH)
            self._add_older(kept.timestamp, kept.selections[: old * _WIDTH])
            del kept.selections[: old * _WIDTH]
            surplus, self._selections = surplus - old, self._selections - old
            if not surplus:
                break
        while len(coupons) - gone > RECENT_STAKES and not coupons[gone].selections:
            gone += 1
        del coupons[:gone]

    def _add_older(self, timestamp: float, numbers: list[int]) -> None:
        weight, state = weight_at(timestamp), self._state
        for sums, column in zip(state.older, _columns(numbers), strict=True):
            for key in column:
                times, total = sums.get(key, _NOTHING)
                sums[key] = times + 1, total + weight
        for event_id, sport, league, _, home, away, _ in _by_selection(numbers):
            if event_id:
                state.held_events.add(event_id)
            else:
                state.held_matches.add((sport, league, home, away))

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Attribute -> value -> how many selections for life; the values of `odds_band` are its numbers' digits."""
        if self._counts is None:
            columns = _columns([number for kept in self._state.coupons for number in kept.selections])
            sums = [Counter(column) for column in columns]
            for each, older in zip(sums, self._state.older, strict=True):
                each.update({key: times for key, (times, _) in older.items()})
            self._counts = self._by_name(sums)
        return self._counts

    @property
    def weights(self) -> dict[str, dict[str, float]]:
        """Attribute -> value -> the sum of `weight_at` of the selections; to be multiplied by `decay_to(now)`."""
        return self._weights(1.0)

    def weights_at(self, now: float) -> dict[str, dict[str, float]]:
        """The weights as of `now` (Unix seconds): a selection of then counts 1."""
        return self._weights(decay_to(now))

    def _weights(self, decay: float) -> dict[str, dict[str, float]]:
        coupons = self._state.coupons
        weighed = [(decay * weight_at(kept.timestamp), len(kept.selections) // _WIDTH) for kept in coupons]
        weights = [weight for weight, times in weighed for _ in range(times)]
        sums = [{key: decay * weight for key, (_, weight) in older.items()} for older in self._state.older]
        columns = _columns([number for kept in coupons for number in kept.selections])
        for each, column in zip(sums, columns, strict=True):
            for key, weight in zip(column, weights, strict=True):
                each[key] = each.get(key, 0.0) + weight
        return self._by_name(sums)

    @property
    def recent(self) -> list[RecentSelection]:
        """The newest selections, at most `RECENT_SELECTIONS`, the newest last."""
        return list(self._selected(self._state.coupons))

    def pairs_within(self, since: float, until: float) -> Counter[tuple[str, str]]:
        """(sport, league) -> how many of the recent selections within that time."""
        numbers = [number for kept in self._within(since, until) for number in kept.selections]
        words = self._state.words
        pairs = Counter(zip(numbers[1::_WIDTH], numbers[2::_WIDTH], strict=True))
        return Counter({(words[sport], words[league]): times for (sport, league), times in pairs.items()})

    def top(self, attribute: str, limit: int) -> tuple[str, ...]:
        """The most frequent values for life; equally frequent ones alphabetically."""
        ranked = sorted((-times, value) for value, times in self.counts[attribute].items())
        return tuple(value for _, value in ranked[:limit])

    @property
    def stakes(self) -> list[tuple[float, Decimal]]:
        """(timestamp, stake) of the newest coupons, at most `RECENT_STAKES`, the newest last."""
        return [(kept.timestamp, Decimal(kept.cents).scaleb(-2)) for kept in self._state.coupons[-RECENT_STAKES:]]

    def stake_median(self, since: float = -inf, before: float = inf) -> Decimal | None:
        """The median of those stakes, of coupons from `since` until before `before` (Unix seconds); None if there are
        none."""
        coupons = self._state.coupons[-RECENT_STAKES:]
        cents = [kept.cents for kept in coupons if since <= kept.timestamp < before]
        return Decimal(median(cents)).scaleb(-2) if cents else None

    @property
    def held(self) -> set[int | Match]:
        """The events (ids; or else matches) of selections that are no longer recent, as far as `forget_events` left them."""
        words = self._state.words
        matches = ((words[a], words[b], words[c], words[d]) for a, b, c, d in self._state.held_matches)
        return {*self._state.held_events, *matches}

    def events_bet_on(self) -> tuple[frozenset[int], frozenset[Match]]:
        """All events that the user holds coupons on, as far as `forget_events` left them: ids, and matches where there is no
        id."""
        words, state = self._state.words, self._state
        ids, matches = set(state.held_events), set(state.held_matches)
        for kept in state.coupons:
            for event_id, sport, league, _, home, away, _ in _by_selection(kept.selections):
                if event_id:
                    ids.add(event_id)
                else:
                    matches.add((sport, league, home, away))
        return frozenset(ids), frozenset((words[a], words[b], words[c], words[d]) for a, b, c, d in matches)

    @property
    def older_event_count(self) -> int:
        return len(self._state.held_events) + len(self._state.held_matches)

    def forget_events(self, over: Iterable[int | Match]) -> None:
        """Hold these events no longer: they are over, or gone."""
        gone, words, state = set(over), self._state.words, self._state
        state.held_events -= gone
        state.held_matches = {
            places for places in state.held_matches if tuple(words[place] for place in places) not in gone
        }

    def _within(self, since: float, until: float) -> Iterator[_RecentCoupon]:
        return (kept for kept in self._state.coupons if since < kept.timestamp <= until)

    def _selected(self, coupons: Iterable[_RecentCoupon]) -> Iterator[RecentSelection]:
        words = self._state.words
        for kept in coupons:
            for event_id, a, b, c, d, e, odd in _by_selection(kept.selections):
                yield RecentSelection(
                    kept.timestamp, event_id or None, words[a], words[b], words[c], words[d], words[e], odd / 1000
                )

    def _by_name(self, sums: Sequence[Mapping[int, Any]]) -> dict[str, dict[str, Any]]:
        words = self._state.words
        texts = [{words[key]: value for key, value in each.items()} for each in sums[:-1]]
        bands = {str(key): value for key, value in sums[-1].items()}
        return dict(zip(ATTRIBUTES, (*texts, bands), strict=True))


def _numbers_of(bets: Iterable[TallySelection], places: dict[str, int]) -> list[int]:
    """`_WIDTH` numbers a bet; words that are new get the next place."""
    place_of, numbers = places.setdefault, list[int]()
    for bet in bets:
        numbers += (
            bet.event_id or 0,
            place_of(bet.sport, len(places)),
            place_of(bet.league, len(places)),
            place_of(bet.country, len(places)),
            place_of(bet.home_team, len(places)),
            place_of(bet.away_team, len(places)),
            round((bet.odd or 0) * 1000),
        )
    return numbers


def _columns(numbers: list[int]) -> list[list[int]]:
    """The keys of selections by attribute: places in the list of words, and bands."""
    bands = [odds_band(odd / 1000) for odd in numbers[_WIDTH - 1 :: _WIDTH]]
    return [*(numbers[place::_WIDTH] for place in range(1, _WIDTH - 1)), bands]


def _by_selection(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    return zip(*[iter(numbers)] * _WIDTH, strict=True)

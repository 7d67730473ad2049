"""The stored format of a user's tallies: leagues, teams and other texts are indices into one list of words.

Stored tallies are bytes in msgpack. A selection is `WIDTH` numbers, so that decoding makes no object for each of them.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from heapq import nlargest
from itertools import count
from typing import Annotated

import msgspec

from recommendations.errors import UnknownTalliesFormat
from recommendations.offer import ATTRIBUTES
from recommendations.validation.identity import league_key, match_of

from .outcome_bets import NO_BAND
from .outcome_bets import WIDTH as BET_WIDTH
from .selections import BAND_BOUNDS, TallySelection

TALLIED = (*ATTRIBUTES, "odds_band")
# The first has names of leagues and teams instead of keys. The last is for users with bets on outcomes of markets:
# releases that don't know it recount such users' coupons.
_FORMAT_OF_NAMES, _FORMAT, _FORMAT_WITH_BETS = 1, 2, 3
WIDTH = 7  # numbers per selection: event id or 0, five indices into the list of words, thousandths of the odd

# Bounds of stored tallies: other programs may write into a casino's database.
MAX_BYTES = 4 * 2**20
_Number = Annotated[int, msgspec.Meta(ge=0)]
_Time = Annotated[float, msgspec.Meta(ge=-1e13, le=1e13)]
_Cents = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
_Weight = Annotated[float, msgspec.Meta(ge=0, le=1e305)]

Sums = dict[_Number, tuple[_Number, _Weight]]


class RecentCoupon(msgspec.Struct, array_like=True, order=True, gc=False):
    """A coupon with its recent selections, `WIDTH` numbers each. `cents`: the stake in hundredths, a float if it has
    more decimals."""

    timestamp: _Time
    key: int
    cents: int | _Cents
    selections: list[int]


class PackedTallies(msgspec.Struct, array_like=True):
    """`older`: per attribute, the (count, weight) of selections that are no longer recent. Recent selections are not
    summed: users with few coupons have no others. `has_unknown`: some words may stand for unknown values. `bets`: the
    key of a recent coupon that names outcomes -> three numbers per recent selection (see `outcome_bets`)."""

    format: int
    words: list[str] = []
    coupons: list[RecentCoupon] = []  # the oldest first
    older: list[Sums] = []
    older_events: set[_Number] = set()
    older_matches: set[tuple[_Number, _Number]] = set()
    has_unknown: bool = False
    bets: dict[int, list[_Number]] = {}

    @property
    def is_consistent(self) -> bool:
        """Whether selections are complete, and all word indices are in the list."""
        if any(len(coupon.selections) % WIDTH for coupon in self.coupons):
            return False
        selections = {coupon.key: len(coupon.selections) // WIDTH for coupon in self.coupons} if self.bets else {}
        if self.bets and len(selections) < len(self.coupons):  # two coupons with the same key
            return False
        if any(len(numbers) != selections.get(key, 0) * BET_WIDTH for key, numbers in self.bets.items()):
            return False
        numbers = [number for coupon in self.coupons for number in coupon.selections]
        used = [max(numbers[place::WIDTH], default=-1) for place in range(1, WIDTH - 1)]
        used += [max(sums, default=-1) for sums in self.older[:-1]]
        used += [max(match) for match in self.older_matches]
        used += [max(bets, default=0) - 1 for bets in self.bets.values()]
        return min(numbers, default=0) >= 0 and max(used) < len(self.words)

    def encode(self) -> bytes:
        self.format = _FORMAT_WITH_BETS if self.bets else _FORMAT
        return _ENCODER.encode(self)

    def trim(self, values: int, events: int) -> bool:
        """Keep at most `values` values of each attribute, and `events` older events, ids and matches each. Returns
        whether something was dropped: then words have other indices."""
        if max(map(len, self.older)) <= values and max(len(self.older_events), len(self.older_matches)) <= events:
            return False
        self.older = [_most_important(sums, values) for sums in self.older]
        self.older_events = set(nlargest(events, self.older_events))  # newer events have higher ids,
        self.older_matches = set(nlargest(events, self.older_matches))  # and newer words higher indices
        self._drop_unused_words()
        return True

    def _drop_unused_words(self) -> None:
        used = {place for match in self.older_matches for place in match}.union(*self.older[:-1])
        for coupon in self.coupons:
            for column in range(1, WIDTH - 1):
                used.update(coupon.selections[column::WIDTH])
        used.update(number - 1 for numbers in self.bets.values() for number in numbers if number)
        new = {old: place for place, old in enumerate(sorted(used))}
        self.words = [self.words[old] for old in new]
        self.older[:-1] = [{new[old]: sums for old, sums in each.items()} for each in self.older[:-1]]
        self.older_matches = {(new[home], new[away]) for home, away in self.older_matches}
        for coupon in self.coupons:
            for column in range(1, WIDTH - 1):
                coupon.selections[column::WIDTH] = [new[old] for old in coupon.selections[column::WIDTH]]
        for key, numbers in self.bets.items():
            self.bets[key] = [1 + new[number - 1] if number else 0 for number in numbers]


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(PackedTallies)


def unpack_tallies(encoded: bytes | None) -> PackedTallies:
    """Decode stored tallies; without any (None), those of a user without coupons. Raises UnknownTalliesFormat."""
    if encoded is None:
        return PackedTallies(_FORMAT, older=[{} for _ in TALLIED])
    try:
        packed = _DECODER.decode(encoded)
        if packed.format == _FORMAT_OF_NAMES:
            packed = _with_keys(packed)
    except (msgspec.DecodeError, RecursionError, LookupError, ValueError) as error:
        raise UnknownTalliesFormat(
            f"Stored tallies can't be decoded: {error}. Run `manage.py rebuild_profiles`."
        ) from error
    if packed.format not in {_FORMAT, _FORMAT_WITH_BETS} or len(packed.older) != len(TALLIED):
        raise UnknownTalliesFormat(
            f"Stored tallies have format {packed.format} instead of {_FORMAT} or {_FORMAT_WITH_BETS}. "
            "Run `manage.py rebuild_profiles`."
        )
    return packed


def _with_keys(packed: PackedTallies) -> PackedTallies:
    """Convert tallies of the format of names, if all their selections are recent: sums of names lack the country.
    Raises LookupError and ValueError for contradictory numbers."""
    if any(packed.older):
        return packed
    words, places = packed.words, word_indices([])
    for coupon in packed.coupons:
        selections = [
            TallySelection(words[a], words[b], words[c], words[d], words[e], event_id=event_id, odd=odd / 1000)
            for event_id, a, b, c, d, e, odd in by_selection(coupon.selections)
        ]
        coupon.selections = numbers_of(selections, places)
    packed.format, packed.words = _FORMAT, list(places)
    return packed


def _most_important(sums: Sums, limit: int) -> Sums:
    """At most `limit` values: half by the most selections (old habits), half by the highest weight (new ones)."""
    if len(sums) <= limit:
        return sums
    by_count = sorted(sums, key=lambda key: (sums[key][0], sums[key][1], key), reverse=True)
    frequent = set(by_count[: limit // 2])
    rest = sorted(by_count[limit // 2 :], key=lambda key: (sums[key][1], key), reverse=True)
    late = rest[: limit - len(frequent)]
    return {key: sums[key] for key in frequent.union(late)}


def cents_of(stake: float) -> int | float:
    """The stake in hundredths, exactly: floats represent numbers of up to 15 digits without loss."""
    whole = round(stake * 100)
    return whole if whole / 100 == stake else float(Decimal(repr(stake)).scaleb(2))


def amount_of(cents: float) -> Decimal:
    """The exact amount, also for the mean of two stakes, which has one more decimal."""
    return Decimal(repr(round(cents, 7))).scaleb(-2)


def word_indices(words: Sequence[str]) -> defaultdict[str, int]:
    """The index of each word; looking up a new word assigns the next index."""
    return defaultdict(count(len(words)).__next__, zip(words, count(), strict=False))


def numbers_of(selections: Iterable[TallySelection], places: defaultdict[str, int]) -> list[int]:
    """`WIDTH` numbers for each selection."""
    numbers = list[int]()
    for each in selections:
        home, away = match_of(each.sport, each.country, each.category, each.home_team, each.away_team)
        numbers += (
            each.event_id or 0,
            places[each.sport],
            places[league_key(each.sport, each.country, each.league)],
            places[each.country],
            places[home],
            places[away],
            round((each.odd or 0) * 1000),
        )
    return numbers


def columns_of(numbers: list[int]) -> list[list[int]]:
    """The selections' keys by attribute: indices into the list of words; for the odds band its index, or `NO_BAND`."""
    return [*(numbers[place::WIDTH] for place in range(1, WIDTH - 1)), bands_of(numbers)]


def bands_of(numbers: list[int]) -> list[int]:
    return [bisect_right(BAND_BOUNDS, odd / 1000) if odd else NO_BAND for odd in numbers[WIDTH - 1 :: WIDTH]]


def by_selection(numbers: list[int]) -> Iterator[tuple[int, ...]]:
    return zip(*[iter(numbers)] * WIDTH, strict=True)

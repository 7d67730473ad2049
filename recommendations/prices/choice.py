"""Stage two of a recommendation: the choice of an event's best outcome among those that the gate leaves open."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import inf
from typing import Protocol

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats

from .event_prices import NO_PRICES, EventPrices, PackedPrices, Price, join, unpack
from .feeds import NO_FEEDS, Feeds
from .gate import Gate
from .lines import Lines, Outcome
from .price_rules import PriceRules
from .refusals import Refusal

_SCALE = 1_000.0
_ALL = -1  # bits
_NO_PRICES, _NO_SCORES = unpack(NO_PRICES), np.zeros(0)


class PriceSource(Protocol):
    """A source of prices: a request's database, or a replayed history."""

    @property
    def feeds(self) -> Feeds | None:
        """None before the first `of`, unless an earlier query read the feeds."""

    @property
    def lines(self) -> Lines:
        """Always the same object."""

    def of(self, event_ids: Sequence[int], /) -> Mapping[int, PackedPrices]:
        """The prices of these events; every event has an entry."""


class OutcomeScorer(Protocol):
    """Scores outcomes for one user, and gives reasons for one of them."""

    def score(self, sports: Sequence[str], prices: EventPrices, ends: Sequence[int], /) -> Floats:
        """Finite scores of the n outcomes of events of these sports, shape (n,). An event's outcomes end before its
        place in `ends`; the highest score wins, the first of equal ones."""

    def reasons(self, sport: str, outcome: Outcome, odd: float, /) -> tuple[str, ...]: ...


class Leg(msgspec.Struct, frozen=True):
    """The chosen outcome of an event with its price. `score`: the outcome's score among those of its event.
    `priced_at`, `valid_until`: Unix seconds; `valid_until` is infinite if prices have no maximal age."""

    outcome: Outcome
    odd: float
    producer: str
    priced_at: float
    valid_until: float
    score: float
    explain: Callable[[], tuple[str, ...]]


class OutcomeChooser:
    """Chooses outcomes for one user in one request."""

    def __init__(self, source: PriceSource, rules: PriceRules, scorer: OutcomeScorer) -> None:
        self._source, self._lines = source, source.lines
        self._rules = rules
        self._scorer = scorer
        self._gate = Gate(rules, source.feeds or NO_FEEDS)
        self._loaded: dict[int, tuple[str, PackedPrices, int, int]] = {}  # sport, prices, outcomes' begin and end
        self._prices, self._scores = _NO_PRICES, _NO_SCORES
        self._alive: tuple[Feeds | None, int] = (None, _ALL)

    @property
    def alive(self) -> int:
        """The bits of the producers whose feeds are open; all bits until a query has read the feeds."""
        feeds = self._source.feeds
        if feeds is not None and feeds is not self._alive[0]:
            self._alive = feeds, feeds.alive(self._rules.feed_silence_seconds)
        return self._alive[1]

    def refusal_of_feeds(self, offered_by: int) -> Refusal:
        """The refusal of an event's prices if no producer of it is open: `FEED_SILENT` if one of them is silent."""
        feeds, silence_seconds = self._source.feeds or NO_FEEDS, self._rules.feed_silence_seconds
        own = [each for code, each in feeds.producers.items() if offered_by >> code & 1]
        is_silent = any(each.refusal(silence_seconds) is Refusal.FEED_SILENT for each in own)
        return Refusal.FEED_SILENT if is_silent else Refusal.FEED_CLOSED

    def load_prices(self, sports: Mapping[int, str]) -> None:
        """Load the prices of these events (id -> sport) in place of the earlier ones, and score all their outcomes at
        once, which takes little longer than to score one event."""
        found = self._source.of([*sports])
        packed = [found[event_id] for event_id in sports]
        self._prices, ends = join(packed)
        self._scores = self._scorer.score([*sports.values()], self._prices, ends)
        places = zip(sports.values(), packed, (0, *ends), ends, strict=False)
        self._loaded = dict(zip(sports, places, strict=True))
        feeds = self._source.feeds or NO_FEEDS
        if self._gate.feeds is not feeds:
            self._gate = Gate(self._rules, feeds)

    def choose(self, event_id: int, *, is_live: bool, full: frozenset[str]) -> Leg | Refusal:
        """The best open outcome of a loaded event, outside the markets in `full`; else the refusal. `is_live`: it has
        begun."""
        sport, packed, begin, end = self._loaded[event_id]
        lines = self._lines
        best = self._best(packed, begin, end, is_live=is_live, full=full)
        if best is None:
            return self._gate.main_refusal(unpack(packed), lines, is_live=is_live, full=full)
        price, score = best
        outcome, odd = lines.outcomes[price.number], price.odd / _SCALE
        return Leg(
            outcome=outcome,
            odd=odd,
            producer=self._gate.feeds.name(price.producer),
            priced_at=price.as_of,
            valid_until=price.as_of + self._gate.max_age_seconds(is_live=is_live),
            score=score,
            explain=partial(self._scorer.reasons, sport, outcome, odd),
        )

    def _best(
        self, packed: PackedPrices, begin: int, end: int, *, is_live: bool, full: frozenset[str]
    ) -> tuple[Price, float] | None:
        """The open outcome with the highest score, and the score. The best of all is nearly always open: try it
        first."""
        if begin == end:
            return None
        gate, lines, scores = self._gate, self._lines, self._scores[begin:end]
        best = int(scores.argmax())
        price = self._prices.at(begin + best)
        if not gate.opens(price, lines, is_live=is_live, full=full):
            scores = np.where(gate.is_open(unpack(packed), lines, is_live=is_live, full=full), scores, -inf)
            best = int(scores.argmax())
            if scores.item(best) == -inf:  # scores of open outcomes are finite
                return None
            price = self._prices.at(begin + best)
        return price, scores.item(best)

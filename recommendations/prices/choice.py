"""Stage two of a recommendation: of an event that the slip would take, the best outcome that the gate leaves open."""

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
    """Where prices come from: a request's database, or a replayed history."""

    @property
    def feeds(self) -> Feeds | None:
        """None until `of` was called, or a query told them."""

    @property
    def lines(self) -> Lines:
        """Always the same object."""

    def of(self, event_ids: Sequence[int], /) -> Mapping[int, PackedPrices]:
        """The prices of these events, each of them."""


class OutcomeScorer(Protocol):
    """Scores outcomes for one user, and gives reasons for one of them."""

    def score(self, sports: Sequence[str], prices: EventPrices, ends: Sequence[int], /) -> Floats:
        """Finite scores of the n outcomes of events of these sports, shape (n,); of an event's, which are those before
        its place in `ends`, the highest wins, of equal ones the first."""

    def reasons(self, sport: str, outcome: Outcome, odd: float, /) -> tuple[str, ...]: ...


class Leg(msgspec.Struct, frozen=True):
    """The chosen outcome of an event, `score` among the event's, and its price. `valid_until`, like `priced_at`: Unix
    seconds, infinite for a price that may have any age."""

    outcome: Outcome
    odd: float
    producer: str
    priced_at: float
    valid_until: float
    score: float
    explain: Callable[[], tuple[str, ...]]


class OutcomeChooser:
    """The choices of one request for one user."""

    def __init__(self, source: PriceSource, rules: PriceRules, scorer: OutcomeScorer) -> None:
        self._source, self._lines = source, source.lines
        self._rules = rules
        self._scorer = scorer
        self._gate = Gate(rules, source.feeds or NO_FEEDS)
        self._looked_at: dict[int, tuple[str, PackedPrices, int, int]] = {}  # its sport, first outcome and their end
        self._prices, self._scores = _NO_PRICES, _NO_SCORES
        self._alive: tuple[Feeds | None, int] = (None, _ALL)

    @property
    def alive(self) -> int:
        """The bits of the producers that may be believed: all, until a query has told them."""
        feeds = self._source.feeds
        if feeds is not None and feeds is not self._alive[0]:
            self._alive = feeds, feeds.alive(self._rules.feed_silence_seconds)
        return self._alive[1]

    def refusal_of_feeds(self, offered_by: int) -> Refusal:
        """Why the prices of these producers, none of which may be believed, are refused: silence, if one is silent."""
        feeds, silence_seconds = self._source.feeds or NO_FEEDS, self._rules.feed_silence_seconds
        own = [each for code, each in feeds.producers.items() if offered_by >> code & 1]
        is_silent = any(each.refusal(silence_seconds) is Refusal.FEED_SILENT for each in own)
        return Refusal.FEED_SILENT if is_silent else Refusal.FEED_CLOSED

    def look_at(self, sports: Mapping[int, str]) -> None:
        """Have the prices of these events, by id, at hand, instead of those of others; and score their outcomes
        together, which takes little longer than those of one event."""
        found = self._source.of([*sports])
        packed = [found[event_id] for event_id in sports]
        self._prices, ends = join(packed)
        self._scores = self._scorer.score([*sports.values()], self._prices, ends)
        places = zip(sports.values(), packed, (0, *ends), ends, strict=False)
        self._looked_at = dict(zip(sports, places, strict=True))
        feeds = self._source.feeds or NO_FEEDS
        if self._gate.feeds is not feeds:
            self._gate = Gate(self._rules, feeds)

    def choose(self, event_id: int, *, is_live: bool, full: frozenset[str]) -> Leg | Refusal:
        """The best outcome of an event that was looked at whose market is not `full`; or why there is none. `is_live`:
        the event has begun."""
        sport, packed, begin, end = self._looked_at[event_id]
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
        """The open outcome with the highest score. Nearly always that of all is open: all are looked at only if not."""
        if begin == end:
            return None
        gate, lines, scores = self._gate, self._lines, self._scores[begin:end]
        best = int(scores.argmax())
        price = self._prices.at(begin + best)
        if not gate.opens(price, lines, is_live=is_live, full=full):
            scores = np.where(gate.is_open(unpack(packed), lines, is_live=is_live, full=full), scores, -inf)
            best = int(scores.argmax())
            if scores.item(best) == -inf:  # the scores of open ones are finite
                return None
            price = self._prices.at(begin + best)
        return price, scores.item(best)

"""Stage two of a recommendation: of an event that the slip would take, the best outcome that the gate leaves open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import Protocol

from recommendations.offer.arrays import Codes, Floats

from .event_prices import EventPrices, Odds
from .feeds import NO_FEEDS, Feeds
from .gate import Gate
from .lines import Lines, Outcome
from .price_rules import PriceRules
from .refusals import Refusal

_SCALE = 1_000.0


class PriceSource(Protocol):
    """Where prices come from: a request's database, or a replayed history."""

    @property
    def feeds(self) -> Feeds | None:
        """None until `of` was called, or a query told them."""

    @property
    def lines(self) -> Lines: ...

    def of(self, event_ids: Sequence[int], /) -> Mapping[int, EventPrices]:
        """The prices of these events, each of them."""


class OutcomeScorer(Protocol):
    """Scores the outcomes of one user, by their numbers in `lines`, and gives reasons for one of them."""

    def score(self, sport: str, lines: Lines, numbers: Codes, odds: Odds, /) -> Floats:
        """Finite scores in a new array, shape (n,); the highest wins, of equal ones the first."""

    def reasons(self, sport: str, outcome: Outcome, odd: float, /) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Leg:
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
    """The choices of one request for one user. Prices are read a few events at once, by `load`."""

    def __init__(self, source: PriceSource, rules: PriceRules, scorer: OutcomeScorer) -> None:
        self._source = source
        self._rules = rules
        self._scorer = scorer
        self._gate = Gate(rules, source.feeds or NO_FEEDS)
        self._rows: dict[int, EventPrices] = {}

    @property
    def alive(self) -> int | None:
        """The bits of the producers that may be believed; None until a query has told them."""
        feeds = self._source.feeds
        return None if feeds is None else feeds.alive(self._rules.feed_silence_seconds)

    def load(self, event_ids: Sequence[int]) -> None:
        """Have the prices of these events at hand."""
        self._rows |= self._source.of(event_ids)
        feeds = self._source.feeds or NO_FEEDS
        if self._gate.feeds is not feeds:
            self._gate = Gate(self._rules, feeds)

    def choose(self, event_id: int, sport: str, *, is_live: bool, full: frozenset[str]) -> Leg | Refusal:
        """The best outcome of a loaded event whose market is not `full`; or why there is none."""
        prices, lines = self._rows[event_id], self._source.lines
        is_open = self._gate.is_open(prices, lines, is_live=is_live, full=full)
        numbers = prices.numbers()
        scores = self._scorer.score(sport, lines, numbers, prices.odds)
        scores[~is_open] = -inf
        best = int(scores.argmax()) if scores.size else 0
        if not scores.size or not is_open[best]:  # the scores of open ones are finite
            return self._gate.main_refusal(prices, lines, is_live=is_live, full=full)
        return self._leg(sport, lines.outcomes[numbers[best]], prices, best, float(scores[best]), is_live=is_live)

    def _leg(
        self, sport: str, outcome: Outcome, prices: EventPrices, place: int, score: float, *, is_live: bool
    ) -> Leg:
        _, producer, _, _, priced_at = prices.lines[prices.line_of(place)].item()
        odd = int(prices.odds[place]) / _SCALE
        return Leg(
            outcome=outcome,
            odd=odd,
            producer=self._gate.feeds.name(producer),
            priced_at=priced_at,
            valid_until=priced_at + self._gate.max_age_seconds(is_live=is_live),
            score=score,
            explain=partial(self._scorer.reasons, sport, outcome, odd),
        )

"""Stage two of a recommendation: of an event that the slip would take, the best outcome that the gate leaves open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol

import numpy as np

from recommendations.offer.arrays import Floats, Places
from recommendations.recommenders.outcomes import OfferedOutcomes

from .event_prices import EventPrices
from .feeds import NO_FEEDS, Feeds
from .gate import Gate, main_refusal
from .lines import Lines
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
    """Scores the outcomes of one user, and gives reasons for one of them."""

    def score(self, offered: OfferedOutcomes, /) -> Floats: ...

    def reasons(self, offered: OfferedOutcomes, place: int, /) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Leg:
    """The chosen outcome of an event, `score` among the event's, and its price. `valid_until`, like `priced_at`: Unix
    seconds, infinite for a price that may have any age."""

    market: str
    line: str
    outcome: str
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
        prices = self._rows[event_id]
        refusals = self._gate.refusals(prices, self._source.lines, is_live=is_live, full=full)
        places = np.flatnonzero(refusals == Refusal.OPEN)
        if not places.size:
            return main_refusal(refusals.tolist())
        offered, lines = _offered(sport, prices, self._source.lines, places)
        scores = self._scorer.score(offered)
        best = int(np.argmax(np.nan_to_num(scores, nan=-inf)))
        return self._leg(offered, best, float(scores[best]), prices, lines[best], is_live=is_live)

    def _leg(
        self, offered: OfferedOutcomes, place: int, score: float, prices: EventPrices, line: int, *, is_live: bool
    ) -> Leg:
        _, producer, _, _, priced_at = prices.lines[line].item()
        return Leg(
            market=offered.markets[place],
            line=offered.lines[place],
            outcome=offered.outcomes[place],
            odd=float(offered.odds[place]),
            producer=self._gate.feeds.name(producer),
            priced_at=priced_at,
            valid_until=priced_at + self._gate.max_age_seconds(is_live=is_live),
            score=score,
            explain=lambda: self._scorer.reasons(offered, place),
        )


def _offered(sport: str, prices: EventPrices, lines: Lines, places: Places) -> tuple[OfferedOutcomes, list[int]]:
    """The outcomes at these places, by line id and in the order of the line's outcomes, and the place of each one's
    line."""
    counts = prices.lines["outcomes"].astype(np.intp)
    of_line = np.arange(counts.size).repeat(counts)[places]
    nth = places - (counts.cumsum() - counts)[of_line]
    texts = [lines[line_id] for line_id in prices.lines["line_id"].tolist()]
    own = of_line.tolist()
    named = [(*texts[line][:2], texts[line].outcomes[place]) for line, place in zip(own, nth.tolist(), strict=True)]
    markets, line_texts, outcomes = zip(*named, strict=True)
    return OfferedOutcomes(sport, markets, line_texts, outcomes, prices.odds[places] / _SCALE), own

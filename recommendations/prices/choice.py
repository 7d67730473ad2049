"""Stage two of a recommendation: of an event that the slip would take, the best outcome that the gate leaves open."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NamedTuple, Protocol

import numpy as np

from recommendations.offer.arrays import Floats, Places

from .event_prices import EventPrices, Odds, PackedPrices, together, unpack
from .feeds import NO_FEEDS, Feeds
from .gate import Gate
from .lines import Lines, Outcome
from .price_rules import PriceRules
from .refusals import Refusal

_SCALE = 1_000.0
_ALL = -1  # bits
_NONE_FULL: frozenset[str] = frozenset()


class PriceSource(Protocol):
    """Where prices come from: a request's database, or a replayed history."""

    @property
    def feeds(self) -> Feeds | None:
        """None until `of` was called, or a query told them."""

    @property
    def lines(self) -> Lines: ...

    def of(self, event_ids: Sequence[int], /) -> Mapping[int, PackedPrices]:
        """The prices of these events, each of them."""


class OutcomeScorer(Protocol):
    """Scores outcomes for one user, and gives reasons for one of them."""

    def score(self, events: Sequence[tuple[str, int]], lines: Lines, numbers: Places, odds: Odds, /) -> Floats:
        """Finite scores of the n outcomes of several events, in a new array, shape (n,); of an event's, the highest
        wins, of equal ones the first. `events`: of each its sport, and how many outcomes are its; `numbers`: those of
        the outcomes in `lines`."""

    def reasons(self, sport: str, outcome: Outcome, odd: float, /) -> tuple[str, ...]: ...


class Leg(NamedTuple):
    """The chosen outcome of an event, `score` among the event's, and its price. `valid_until`, like `priced_at`: Unix
    seconds, infinite for a price that may have any age."""

    outcome: Outcome
    odd: float
    producer: str
    priced_at: float
    valid_until: float
    score: float
    explain: Callable[[], tuple[str, ...]]


class Candidate(NamedTuple):
    """An event that the slip would take; `is_live`: it has begun."""

    event_id: int
    sport: str
    is_live: bool


class OutcomeChooser:
    """The choices of one request for one user. Prices are read, judged and scored a few events at once, by `look_at`:
    twenty calls of numpy for all of them cost as much as for one."""

    def __init__(self, source: PriceSource, rules: PriceRules, scorer: OutcomeScorer) -> None:
        self._source = source
        self._rules = rules
        self._scorer = scorer
        self._gate = Gate(rules, source.feeds or NO_FEEDS)
        self._seen: dict[int, _Seen] = {}
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

    def look_at(self, candidates: Sequence[Candidate]) -> None:
        """Have the outcomes of these events at hand."""
        packed = self._source.of([each.event_id for each in candidates])
        feeds = self._source.feeds or NO_FEEDS
        if self._gate.feeds is not feeds:
            self._gate = Gate(self._rules, feeds)
        for is_live in {each.is_live for each in candidates}:
            alike = [each for each in candidates if each.is_live == is_live]
            self._score(alike, [packed[each.event_id] for each in alike], is_live=is_live)

    def _score(self, candidates: Sequence[Candidate], packed: Sequence[PackedPrices], *, is_live: bool) -> None:
        prices, counts = together(packed)
        line_ends, lines = prices.line_ends(), self._source.lines
        numbers = prices.numbers(line_ends)
        events = [(each.sport, count) for each, count in zip(candidates, counts, strict=True)]
        scores = self._scorer.score(events, lines, numbers, prices.odds)
        is_open = self._gate.is_open(prices, lines, is_live=is_live, full=_NONE_FULL)
        scores = np.where(is_open, scores, -inf)
        scored, end = _Scored(prices, line_ends, numbers, scores), 0
        for candidate, own, count in zip(candidates, packed, counts, strict=True):
            first, end = end, end + count
            self._seen[candidate.event_id] = _Seen(candidate, own, scored, first, end)

    def choose(self, event_id: int, *, full: frozenset[str]) -> Leg | Refusal:
        """The best outcome of an event that was looked at whose market is not `full`; or why there is none."""
        seen, lines = self._seen[event_id], self._source.lines
        is_live, scores = seen.candidate.is_live, seen.scored.scores[seen.first : seen.end]
        if full:
            is_open = self._gate.is_open(unpack(seen.packed), lines, is_live=is_live, full=full)
            scores = np.where(is_open, scores, -inf)
        best = int(scores.argmax()) if scores.size else 0
        if not scores.size or scores.item(best) == -inf:  # the scores of open ones are finite
            return self._gate.main_refusal(unpack(seen.packed), lines, is_live=is_live, full=full)
        return self._leg(seen.candidate, seen.scored, seen.first + best)

    def _leg(self, candidate: Candidate, scored: "_Scored", place: int) -> Leg:
        prices, outcome = scored.prices, self._source.lines.outcomes[scored.numbers.item(place)]
        line = int(scored.line_ends.searchsorted(place, side="right"))
        _, producer, _, _, priced_at = prices.lines.item(line)
        odd = prices.odds.item(place) / _SCALE
        return Leg(
            outcome=outcome,
            odd=odd,
            producer=self._gate.feeds.name(producer),
            priced_at=priced_at,
            valid_until=priced_at + self._gate.max_age_seconds(is_live=candidate.is_live),
            score=scored.scores.item(place),
            explain=partial(self._scorer.reasons, candidate.sport, outcome, odd),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Scored:
    """The n outcomes of several events, one after the other: their numbers and scores, minus infinity for those that
    the gate closes. `line_ends` as of their prices."""

    prices: EventPrices
    line_ends: Places
    numbers: Places
    scores: Floats


class _Seen(NamedTuple):
    """An event that was looked at; its outcomes are those from `first` to before `end`."""

    candidate: Candidate
    packed: PackedPrices
    scored: _Scored
    first: int
    end: int

"""Replays the choice among an event's outcomes: each bet that names an outcome is predicted from earlier bets."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.base import NOBODY, BettingProfile
from recommendations.recommenders.outcome_choice import OfferedOutcomes, outcome_preferences, score_outcomes
from recommendations.tallies.outcome_keys import (
    OFFERED_ATTRIBUTES,
    OUTCOME_ATTRIBUTES,
    key_of_odds_band,
    keys_of_outcome,
    line_band,
)
from recommendations.tallies.selections import BAND_BOUNDS, weight_at
from recommendations.tallies.trends import Trends

from .history import History, InTurn, PastCoupon, PastOutcome, PriceChange
from .replayed_state import ReplayedState

_Values = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutcomeInput:
    """The data known before a bet on one of the `offered` outcomes."""

    offered: OfferedOutcomes
    profile: BettingProfile
    trends: Trends


def _score_by_preferences(given: OutcomeInput) -> Floats:
    return score_outcomes(outcome_preferences(given.profile, given.trends, given.offered.sport), given.offered)


# Scores, up to a constant log probabilities: by chance, by the odds' implied probabilities, and by the served scores
# without and with the user.
CHOICES: dict[str, Callable[[OutcomeInput], Floats]] = {
    "random": lambda given: np.zeros(len(given.offered.odds)),
    "shortest_odd": lambda given: -np.log(given.offered.odds),
    "casino_favourite": lambda given: _score_by_preferences(OutcomeInput(given.offered, NOBODY, given.trends)),
    "outcomes": _score_by_preferences,
}


@dataclass(frozen=True, slots=True)
class OutcomeCase:
    """A bet on one of several open outcomes of an event. `is_first`: the user's first bet on this event. With an entry
    for each of `CHOICES`: `ranks` from 1, ties at their expected rank; `losses`: minus the log probability of the
    outcome; `hits`: 1 if it is the first choice, divided by the number of outcomes with the same score."""

    timestamp: float
    user_id: int
    candidates: int
    is_first: bool
    ranks: tuple[float, ...]
    losses: tuple[float, ...]
    hits: tuple[float, ...]


class _DecayedTally(Mapping[str, float]):
    """Sums of weights, decayed to `now` (Unix seconds)."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self.now = 0.0

    def add(self, value: str, weight: float) -> None:
        self._sums[value] = self._sums.get(value, 0.0) + weight

    def __getitem__(self, value: str) -> float:
        return self._sums[value] / weight_at(self.now)

    def __iter__(self) -> Iterator[str]:
        return iter(self._sums)

    def __len__(self) -> int:
        return len(self._sums)


@dataclass(slots=True)
class OutcomeReplay:
    """The prices and tallies of outcomes of a history, as of the time of `state`. `unknown`: the number of tested bets
    on an outcome without an earlier price, whose odd only the bet itself reveals."""

    history: History
    state: ReplayedState
    cases: list[OutcomeCase] = field(default_factory=list)
    unknown: int = 0
    _price_changes: InTurn[PriceChange] = field(init=False)
    _prices: defaultdict[int, dict[PastOutcome, float]] = field(default_factory=lambda: defaultdict(dict))
    _values: dict[tuple[str, PastOutcome], _Values] = field(default_factory=dict)
    _tallies: dict[str, _DecayedTally] = field(
        default_factory=lambda: {name: _DecayedTally() for name in (*OUTCOME_ATTRIBUTES, *OFFERED_ATTRIBUTES)}
    )

    def __post_init__(self) -> None:
        self._price_changes = InTurn(self.history.price_changes)

    def use(self, coupon: PastCoupon, *, is_tested: bool) -> None:
        """Test the coupon's bets, then count the bets and their open outcomes. Call it before adding the coupon to the
        state."""
        self._move_to(coupon.timestamp)
        weight = weight_at(coupon.timestamp)
        for place, outcome in coupon.bets:
            offered = self._offered(place)
            if is_tested:
                self._test(coupon, place, outcome, offered)
            for each, odd in offered.items():
                self._count(OFFERED_ATTRIBUTES, place, each, odd, weight)
        for place, outcome in coupon.bets:
            self._count(OUTCOME_ATTRIBUTES, place, outcome, self.odd_of(place, outcome), weight)

    def odd_of(self, place: int, outcome: PastOutcome) -> float:
        """The outcome's latest odd before now; the event's odd if there is none."""
        return self._prices[place].get(outcome, float(self.state.odds[place]))

    def _move_to(self, now: float) -> None:
        for change in self._price_changes.before(now):
            if change.odd is None:
                self._prices[change.place].pop(change.outcome, None)
            else:
                self._prices[change.place][change.outcome] = change.odd

    def _offered(self, place: int) -> dict[PastOutcome, float]:
        """The open outcomes of an event, sorted, with their odds."""
        return dict(sorted(self._prices[place].items()))

    def _test(
        self, coupon: PastCoupon, place: int, outcome: PastOutcome, open_outcomes: Mapping[PastOutcome, float]
    ) -> None:
        if outcome not in open_outcomes:
            self.unknown += 1
            return
        if len(open_outcomes) == 1:
            return
        given = self._input(coupon, place, open_outcomes)
        chosen = list(open_outcomes).index(outcome)
        measured = [_measure(score(given), chosen) for score in CHOICES.values()]
        ranks, losses, hits = zip(*measured, strict=True)
        is_first = place not in self.state.chosen[coupon.user_id]
        self.cases.append(
            OutcomeCase(coupon.timestamp, coupon.user_id, len(open_outcomes), is_first, ranks, losses, hits)
        )

    def _input(self, coupon: PastCoupon, place: int, open_outcomes: Mapping[PastOutcome, float]) -> OutcomeInput:
        markets, lines, names = zip(*open_outcomes, strict=True)
        odds = np.array([*open_outcomes.values()])
        for tally in self._tallies.values():
            tally.now = coupon.timestamp
        bets = self.state.tallies[coupon.user_id].bets_at(coupon.timestamp)
        return OutcomeInput(
            OfferedOutcomes(self.history.events.sport[place], markets, lines, names, odds),
            BettingProfile(bets=bets),
            Trends(weights=self._tallies),
        )

    def _count(self, attributes: Sequence[str], place: int, outcome: PastOutcome, odd: float, weight: float) -> None:
        sport = self.history.events.sport[place]
        values = self._values.get((sport, outcome))
        if values is None:
            keys = keys_of_outcome(sport, outcome.market, line_band(outcome.line), outcome.outcome)
            values = self._values[sport, outcome] = keys
        band = key_of_odds_band(sport, int(np.searchsorted(BAND_BOUNDS, odd, side="right")))
        for attribute, value in zip(attributes, (*values, band), strict=True):
            self._tallies[attribute].add(value, weight)


def _measure(scores: Floats, chosen: int) -> tuple[float, float, float]:
    """Rank, loss and hit of the chosen outcome by these scores; see `OutcomeCase`."""
    own: Any = scores[chosen]
    equal = int(np.count_nonzero(scores == own))
    rank = 1.0 + int(np.count_nonzero(scores > own)) + (equal - 1) / 2.0
    highest = scores.max()
    loss = float(highest + np.log(np.exp(scores - highest).sum()) - own)
    return rank, loss, 1.0 / equal if own == highest else 0.0

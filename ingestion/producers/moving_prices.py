"""Dummy prices of one event's markets: random walks with occasional stops, and settlements after goals."""

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from recommendations.models import MarketStatus

MARGIN = 1.06  # sum of the probabilities implied by the odds, more than 1: the bookmaker's margin
_STEP = 0.04  # size of a step, in logits
_PULL = 0.98  # pulls the walk back to its start, so that prices stay plausible for days
_SHARE_OF_STOPS = 0.02
_SHARE_OF_GOALS = 0.02  # share of the messages about a football match in play
_SHIFT_OF_GOAL = {"OVER": 0.6, "UNDER": -0.6}
_LOWEST, _HIGHEST = 1.02, 50.0

_WINNER = ("1X2", "", ("HOME", "DRAW", "AWAY"))
_LINES: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "FOOTBALL": (
        _WINNER,
        ("TOTALS", "1.5", ("OVER", "UNDER")),
        ("TOTALS", "2.5", ("OVER", "UNDER")),
        ("BOTH TEAMS TO SCORE", "", ("YES", "NO")),
    ),
    "HANDBALL": (_WINNER,),
}
_LINES_OF_OTHERS = (("WINNER", "", ("HOME", "AWAY")),)

Message = dict[str, object]


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A market line: its outcomes with the probabilities at the start of their prices' walk."""

    market: str
    line: str
    outcomes: Sequence[str]
    probabilities: Sequence[float]
    margin: float = MARGIN


def random_lines(sport: str, rng: random.Random) -> list[PricedLine]:
    return [
        PricedLine(market, line, outcomes, _normalized([rng.uniform(0.5, 1.5) for _ in outcomes]))
        for market, line, outcomes in _LINES.get(sport, _LINES_OF_OTHERS)
    ]


def line_of_odds(market: str, line: str, outcomes: Sequence[str], odds: Sequence[float]) -> PricedLine:
    """The line whose prices are these decimal odds."""
    inverse = [1 / odd for odd in odds]
    return PricedLine(market, line, outcomes, _normalized(inverse), sum(inverse))


@dataclass(slots=True)
class MovingPrices:
    """The markets of one event. `stopped`: all are suspended until the next message."""

    sport: str
    begin: datetime
    end: datetime
    lines: Sequence[PricedLine]
    stopped: bool = False
    goals: int = 0
    shifts: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def change(self, rng: random.Random, now: datetime) -> Message:
        """The contents of the next message: new prices of one market, of all after a stop, or a stop."""
        if self.stopped:
            self.stopped = False
            return self.all_markets()
        if self._scores(rng, now):
            self._score(rng)
        elif rng.random() >= _SHARE_OF_STOPS:
            return self._move(rng)
        self.stopped = True
        return {"stop": True}

    def all_markets(self) -> Message:
        return {"markets": [*map(self._as_message, self.lines)]}

    def _move(self, rng: random.Random) -> Message:
        """The lines of a market move together, so that OVER 3.5 never becomes more likely than OVER 2.5."""
        name = rng.choice(self.lines).market
        moved = [each for each in self.lines if each.market == name]
        for outcome in dict.fromkeys(outcome for each in moved for outcome in each.outcomes):
            self.shifts[name, outcome] = self.shifts[name, outcome] * _PULL + rng.gauss(0.0, _STEP)
        return {"markets": [*map(self._as_message, moved)]}

    def _scores(self, rng: random.Random, now: datetime) -> bool:
        return self.sport == "FOOTBALL" and self.begin <= now < self.end and rng.random() < _SHARE_OF_GOALS

    def _score(self, rng: random.Random) -> None:
        self.goals += 1
        shifts = _SHIFT_OF_GOAL | dict(zip(rng.sample(("HOME", "AWAY"), 2), (0.8, -0.8), strict=True))
        for name, outcome in {(each.market, outcome) for each in self.lines for outcome in each.outcomes}:
            self.shifts[name, outcome] += shifts.get(outcome, 0.0)

    def _as_message(self, line: PricedLine) -> Message:
        market: Message = {"market": line.market}
        if line.line:
            market["line"] = line.line
        if self._is_settled(line):
            market["status"] = MarketStatus.SETTLED
        return market | {"outcomes": [{"outcome": name, "odd": odd} for name, odd in self._odds(line)]}

    def _odds(self, line: PricedLine) -> Iterator[tuple[str, float]]:
        shifts = [self.shifts[line.market, outcome] for outcome in line.outcomes]
        weights = [each * math.exp(shift) for each, shift in zip(line.probabilities, shifts, strict=True)]
        for outcome, probability in zip(line.outcomes, _normalized(weights), strict=True):
            odd = 1 / max(probability * line.margin, 1 / _HIGHEST)
            yield outcome, round(max(odd, _LOWEST), 2)

    def _is_settled(self, line: PricedLine) -> bool:
        return line.market == "TOTALS" and self.goals > 0 and Decimal(line.line) < self.goals


def _normalized(weights: Sequence[float]) -> list[float]:
    total = sum(weights)
    return [each / total for each in weights]

"""Probabilities of a match's results, from a seeded model of team strengths, and the resulting decimal odds."""

import math
import random
from decimal import Decimal
from functools import cache

_SEED = "team strength"
_SPREAD = 0.55  # standard deviation of strengths, in logits
_HOME_ADVANTAGE = 0.35
_DRAW = {"FOOTBALL": 0.75, "HANDBALL": 0.2, "BASKETBALL": 0.0}
_LOWEST, _HIGHEST = 1.02, 50.0


def home_odd(sport: str, home_team: str, away_team: str, *, margin: float) -> Decimal:
    """The decimal odd of a home win with the bookmaker's `margin` (0.05: 5 %), rounded to two decimals, above 1."""
    return odd_of(result_probabilities(sport, home_team, away_team)["HOME"], margin=margin)


def odd_of(probability: float, *, margin: float) -> Decimal:
    return Decimal(f"{min(max(1 / (probability * (1 + margin)), _LOWEST), _HIGHEST):.2f}")


def result_probabilities(sport: str, home_team: str, away_team: str) -> dict[str, float]:
    """The probabilities of HOME, DRAW (0 in a sport without draws) and AWAY.

    Paired comparison with ties: Davidson, R. R. (1970), "On extending the Bradley-Terry model to accommodate ties".
    """
    home = math.exp(strength(sport, home_team) + _HOME_ADVANTAGE)
    away = math.exp(strength(sport, away_team))
    draw = _DRAW.get(sport, 0.0) * math.sqrt(home * away)
    total = home + away + draw
    return {"HOME": home / total, "DRAW": draw / total, "AWAY": away / total}


@cache
def strength(sport: str, team: str) -> float:
    return random.Random(f"{_SEED}/{sport}/{team}").gauss(0.0, _SPREAD)

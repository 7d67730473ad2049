"""Decimal odds of a home win, from a seeded model of team strengths."""

import math
import random
from decimal import Decimal

_SEED = "team strength"
_SPREAD = 0.55  # standard deviation of strengths, in logits
_HOME_ADVANTAGE = 0.35
_DRAW = {"FOOTBALL": 0.75, "HANDBALL": 0.2, "BASKETBALL": 0.0}
_LOWEST, _HIGHEST = 1.05, 25.0


def home_odd(sport: str, home_team: str, away_team: str, *, margin: float) -> Decimal:
    """The decimal odd of a home win with the bookmaker's `margin` (0.05: 5 %), rounded to two decimals, above 1.

    Paired comparison with ties: Davidson, R. R. (1970), "On extending the Bradley-Terry model to accommodate ties".
    """
    home = math.exp(_strength(sport, home_team) + _HOME_ADVANTAGE)
    away = math.exp(_strength(sport, away_team))
    draw = _DRAW.get(sport, 0.0) * math.sqrt(home * away)
    probability = home / (home + away + draw)
    return Decimal(f"{min(max(1 / (probability * (1 + margin)), _LOWEST), _HIGHEST):.2f}")


def _strength(sport: str, team: str) -> float:
    return random.Random(f"{_SEED}/{sport}/{team}").gauss(0.0, _SPREAD)

"""The preferred bets of demo users: an outcome of an event's markets for each selection of a coupon."""

import math
import random
from dataclasses import dataclass
from decimal import Decimal

from msgspec import UNSET
from msgspec.structs import replace

from recommendations.validation.rows import EventRow, Selection


@dataclass(frozen=True, slots=True)
class LikedBet:
    """A user's preferred markets, outcomes and odd."""

    markets: frozenset[str]
    outcomes: frozenset[str]
    odd: float

    def weight(self, market: str, outcome: str, odd: float) -> float:
        """Relative probability of a bet on this outcome. Odds count by their distance on a log scale."""
        distance = math.log(odd / self.odd) / 0.4
        liked = (8.0 if market in self.markets else 1.0) * (6.0 if outcome in self.outcomes else 1.0)
        return liked * math.exp(-(distance**2))


_RESULTS = frozenset(("1X2", "WINNER"))
_LIKED_BETS = (
    LikedBet(_RESULTS, frozenset(("HOME",)), 1.7),
    LikedBet(frozenset(("TOTALS",)), frozenset(("OVER",)), 1.9),
    LikedBet(frozenset(("TOTALS",)), frozenset(("UNDER",)), 1.7),
    LikedBet(frozenset(("BOTH TEAMS TO SCORE", "HANDICAP")), frozenset(("YES", "HOME")), 1.8),
    LikedBet(_RESULTS, frozenset(("AWAY", "DRAW")), 3.2),
)


def liked_bet(user_id: int) -> LikedBet:
    return _LIKED_BETS[user_id % len(_LIKED_BETS)]


def select(rng: random.Random, event: EventRow, liked: LikedBet) -> Selection:
    """A selection of the event, with an outcome at its price if the event has markets."""
    if event.markets is UNSET:
        return Selection.of(event)
    offered = [
        (market.market, market.line or UNSET, outcome, odd / 1_000)
        for market in event.markets.markets
        for outcome, odd in zip(market.outcomes, market.odds, strict=True)
    ]
    weights = [liked.weight(market, outcome, odd) for market, _, outcome, odd in offered]
    [(market, line, outcome, odd)] = rng.choices(offered, weights)
    return replace(Selection.of(event), market=market, line=line, outcome=outcome, odd=Decimal(f"{odd:.3f}"))

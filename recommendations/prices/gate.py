"""The gate is the only code that decides, for each outcome of a market, whether its price may be served.

An outcome is open only if all conditions hold: its market line is readable and open, its producer is neither silent nor
closed, its price is recent, its market is allowed, and its odd is within the bounds. Else the outcome has a refusal.
"""

from collections import Counter

import numpy as np

from recommendations.offer.arrays import Mask

from .event_prices import EventPrices, Price
from .feeds import Feeds, Reasons, refusals_of_feeds, valid_from
from .lines import Lines
from .price_rules import PriceRules
from .refusals import Refusal

_OPEN = int(Refusal.OPEN)


class Gate:
    """The rules of one request, applied to the prices of its events. `feeds`: as of the request's queries."""

    def __init__(self, rules: PriceRules, feeds: Feeds) -> None:
        self.rules = rules
        self.feeds = feeds
        self._lowest, self._highest = rules.bounds
        self._has_markets = rules.has_markets
        self._valid_from: dict[bool, list[float]] = {}  # by `is_live`

    def max_age_seconds(self, *, is_live: bool) -> float:
        ages = (self.rules.max_age_seconds, self.rules.max_live_age_seconds)
        return min(ages) if is_live else ages[0]

    def opens(self, price: Price, lines: Lines, *, is_live: bool, full: frozenset[str]) -> bool:
        """Whether this one outcome is open: faster than `is_open`, with the same result."""
        if full or self._has_markets:
            market = lines.outcomes[price.number].market
            if self._refusal_of_market(market, full) != _OPEN:
                return False
        return (
            price.refusal == _OPEN
            and self._lowest <= price.odd <= self._highest
            and price.as_of >= self._earliest(is_live)[price.producer]
        )

    def is_open(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Mask:
        """The mask of open outcomes, shape (n,). `full`: the markets of which the slip may have no more."""
        is_line_open = self._is_valid(prices, is_live) & (prices.lines["refusal"] == _OPEN)
        if full or self._has_markets:
            is_line_open &= self._refusals_of_markets(prices, lines, full) == _OPEN
        mask: Mask = is_line_open.repeat(prices.lines["outcomes"])
        mask &= (prices.odds >= self._lowest) & (prices.odds <= self._highest)
        return mask

    def refusals(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Reasons:
        """The refusal of each outcome, shape (n,): `OPEN` exactly where `is_open` is True."""
        own, odds = prices.lines, prices.odds
        of_lines = self._refusals_of_lines(prices, lines, is_live=is_live, full=full)
        refusals: Reasons = of_lines.repeat(own["outcomes"])
        is_refused = (refusals == _OPEN) & ((odds < self._lowest) | (odds > self._highest))
        refusals[is_refused] = np.where(odds[is_refused] == 0, Refusal.CLOSED, Refusal.OUT_OF_RANGE)
        return refusals

    def main_refusal(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Refusal:
        """The most frequent refusal of an event's outcomes, or of its lines; `CLOSED` for an event without any.
        Refusals `NOT_REQUESTED` count only if there are no others."""
        of_outcomes = self.refusals(prices, lines, is_live=is_live, full=full).tolist()
        of_lines = self._refusals_of_lines(prices, lines, is_live=is_live, full=full).tolist()
        found = of_outcomes or of_lines or [Refusal.CLOSED]
        asked = [refusal for refusal in found if refusal != Refusal.NOT_REQUESTED]
        [(refusal, _)] = Counter(asked or found).most_common(1)
        return Refusal(refusal)

    def _refusals_of_lines(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Reasons:
        """The refusal of each line, shape (m,): by its status, else by its feed or price's age, else by its market."""
        own = prices.lines
        refusals = own["refusal"].copy()
        late = ~self._is_valid(prices, is_live) & (refusals == _OPEN)
        refusals[late] = refusals_of_feeds(self.feeds, self.rules).take(own["producer"][late])
        if full or self._has_markets:
            of_markets = self._refusals_of_markets(prices, lines, full)
            refusals = np.where(refusals == _OPEN, of_markets, refusals)
        return refusals

    def _refusals_of_markets(self, prices: EventPrices, lines: Lines, full: frozenset[str]) -> Reasons:
        firsts, counts = prices.lines["first"], prices.lines["outcomes"]
        return np.array(
            [
                self._refusal_of_market(lines.outcomes[first].market, full) if count else Refusal.UNREADABLE
                for first, count in zip(firsts.tolist(), counts.tolist(), strict=True)
            ],
            np.uint8,
        )

    def _refusal_of_market(self, market: str, full: frozenset[str]) -> Refusal:
        rules = self.rules
        if market in rules.blocked_markets or (rules.only_markets and market not in rules.only_markets):
            return Refusal.BLOCKED
        if rules.requested_markets and market not in rules.requested_markets:
            return Refusal.NOT_REQUESTED
        return Refusal.MARKET_FULL if market in full else Refusal.OPEN

    def _is_valid(self, prices: EventPrices, is_live: bool) -> Mask:
        """The mask of the lines with a valid price: their feed is open and the price is recent; shape (m,)."""
        earliest = self._earliest(is_live)
        of_lines = np.array([earliest[code] for code in prices.lines["producer"].tolist()])
        is_valid: Mask = prices.lines["as_of"] >= of_lines
        return is_valid

    def _earliest(self, is_live: bool) -> list[float]:
        earliest = self._valid_from.get(is_live)
        if earliest is None:
            earliest = valid_from(self.feeds, self.rules, self.max_age_seconds(is_live=is_live))
            self._valid_from[is_live] = earliest
        return earliest

"""The gate: the one place that decides, for each outcome of a market, whether its price may be served.

An outcome is open only if everything says so: its market line can be read and is open, its producer is heard and not
closed, its price is recent, its market allowed, and its odd within the bounds. Each other outcome has its refusal.
"""

from collections import Counter

import numpy as np

from recommendations.offer.arrays import Mask

from .event_prices import EventPrices
from .feeds import FeedLimits, Feeds, Reasons, feed_limits
from .lines import Lines
from .price_rules import PriceRules
from .refusals import Refusal


class Gate:
    """The rules of one request, applied to the prices of its events. The `feeds` are as of the request's own query."""

    def __init__(self, rules: PriceRules, feeds: Feeds) -> None:
        self.rules = rules
        self.feeds = feeds
        self._lowest, self._highest = rules.lowest, rules.highest
        self._limits: dict[bool, FeedLimits] = {}  # by whether the event is in play

    def max_age_seconds(self, *, is_live: bool) -> float:
        ages = (self.rules.max_age_seconds, self.rules.max_live_age_seconds)
        return min(ages) if is_live else ages[0]

    def is_open(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Mask:
        """The mask of the outcomes without any refusal, shape (n,). `full`: markets that the slip may have no more
        of."""
        own, odds = prices.lines, prices.odds
        valid_from = self._limits_of(is_live).valid_from.take(own["producer"])
        is_line_open = (own["refusal"] == Refusal.OPEN) & (own["as_of"] >= valid_from)
        if full or self.rules.has_markets:
            is_line_open &= self._refusals_of_markets(prices, lines, full) == Refusal.OPEN
        mask: Mask = is_line_open.repeat(own["outcomes"])
        mask &= odds >= self._lowest
        mask &= odds <= self._highest
        return mask

    def refusals(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Reasons:
        """The refusal of each outcome, shape (n,): `OPEN` exactly where `is_open`."""
        own, odds = prices.lines, prices.odds
        of_lines = self._refusals_of_lines(prices, lines, is_live=is_live, full=full)
        refusals: Reasons = of_lines.repeat(own["outcomes"])
        is_refused = (refusals == Refusal.OPEN) & ((odds < self._lowest) | (odds > self._highest))
        refusals[is_refused] = np.where(odds[is_refused] == 0, Refusal.CLOSED, Refusal.OUT_OF_RANGE)
        return refusals

    def main_refusal(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Refusal:
        """The most frequent refusal of an event's outcomes, or of its lines; `CLOSED` for an event without any. Markets
        that the request did not ask for count only if there are no others."""
        of_outcomes = self.refusals(prices, lines, is_live=is_live, full=full).tolist()
        of_lines = self._refusals_of_lines(prices, lines, is_live=is_live, full=full).tolist()
        found = of_outcomes or of_lines or [Refusal.CLOSED]
        asked = [refusal for refusal in found if refusal != Refusal.NOT_REQUESTED]
        [(refusal, _)] = Counter(asked or found).most_common(1)
        return Refusal(refusal)

    def _refusals_of_lines(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Reasons:
        """That of the status, else of the feed or the price's age, else of the market."""
        limits, own = self._limits_of(is_live), prices.lines
        producers, refusals = own["producer"], own["refusal"].copy()
        late = ~(own["as_of"] >= limits.valid_from.take(producers)) & (refusals == Refusal.OPEN)
        refusals[late] = limits.refusals.take(producers[late])
        if full or self.rules.has_markets:
            of_markets = self._refusals_of_markets(prices, lines, full)
            refusals = np.where(refusals == Refusal.OPEN, of_markets, refusals)
        return refusals

    def _refusals_of_markets(self, prices: EventPrices, lines: Lines, full: frozenset[str]) -> Reasons:
        counts = prices.lines["outcomes"].astype(np.intp)
        firsts = prices.lines["shift"] + counts.cumsum() - counts
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

    def _limits_of(self, is_live: bool) -> FeedLimits:
        limits = self._limits.get(is_live)
        if limits is None:
            limits = feed_limits(self.feeds, self.rules, self.max_age_seconds(is_live=is_live))
            self._limits[is_live] = limits
        return limits

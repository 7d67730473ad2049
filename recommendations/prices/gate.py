"""The gate: the one place that decides, for each outcome of a market, whether its price may be served.

An outcome is open only if everything says so: its market line can be read and is open, its producer is heard and not
closed, its price is recent, its market allowed, and its odd within the bounds. Each other outcome has its refusal.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np

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
        self._limits = {
            is_live: feed_limits(feeds, rules, self.max_age_seconds(is_live=is_live)) for is_live in (False, True)
        }

    def max_age_seconds(self, *, is_live: bool) -> float:
        ages = (self.rules.max_age_seconds, self.rules.max_live_age_seconds)
        return min(ages) if is_live else ages[0]

    def refusals(self, prices: EventPrices, lines: Lines, *, is_live: bool, full: frozenset[str]) -> Reasons:
        """The refusal of each outcome, shape (n,). `full`: markets that the slip may have no more of."""
        of_lines = _refusals_of_lines(prices, self._limits[is_live])
        if full or self.rules.has_markets:
            self._refuse_markets(of_lines, prices, lines, full)
        refusals = of_lines.repeat(prices.lines["outcomes"])
        odds = prices.odds
        is_open = refusals == Refusal.OPEN
        refusals[is_open & (odds == 0)] = Refusal.CLOSED
        refusals[is_open & (odds != 0) & ((odds < self.rules.lowest) | (odds > self.rules.highest))] = (
            Refusal.OUT_OF_RANGE
        )
        return refusals

    def _refuse_markets(self, of_lines: Reasons, prices: EventPrices, lines: Lines, full: frozenset[str]) -> None:
        line_ids = prices.lines["line_id"].tolist()
        for place in np.flatnonzero(of_lines == Refusal.OPEN).tolist():
            of_lines[place] = self._refusal_of_market(lines[line_ids[place]].market, full)

    def _refusal_of_market(self, market: str, full: frozenset[str]) -> Refusal:
        rules = self.rules
        if market in rules.blocked_markets or (rules.only_markets and market not in rules.only_markets):
            return Refusal.BLOCKED
        if rules.requested_markets and market not in rules.requested_markets:
            return Refusal.NOT_REQUESTED
        return Refusal.MARKET_FULL if market in full else Refusal.OPEN


def _refusals_of_lines(prices: EventPrices, limits: FeedLimits) -> Reasons:
    """That of the status, else that of the feed or of the price's age."""
    lines = prices.lines
    producers, refusals = lines["producer"], lines["refusal"].copy()
    is_late = lines["as_of"] < limits.valid_from.take(producers)
    late = is_late & (refusals == Refusal.OPEN)
    refusals[late] = limits.refusals.take(producers[late])
    return refusals


def main_refusal(refusals: Iterable[int]) -> Refusal:
    """The most frequent refusal of an event's outcomes; `CLOSED` for one that has none."""
    found = Counter(refusals).most_common(1)
    return Refusal(found[0][0]) if found else Refusal.CLOSED

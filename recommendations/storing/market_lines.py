"""Assigns ids to market lines, under the lock of the prices."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from recommendations.validation.markets import MarketRow
from tenants.routing.connections import execute, query

from .upsert import as_json

LineKey = tuple[str, str, tuple[str, ...]]  # market, line, outcomes in any order
MarketLines = Mapping[LineKey, "Line"]

# All lines of these markets and lines, with any outcomes: an event has one row for them together.
_FIND = """
SELECT id, market, line, outcomes FROM market_lines
JOIN unnest(%s::text[], %s::text[]) AS wanted(market, line) USING (market, line)
"""
_ADD = """
INSERT INTO market_lines (market, line, outcomes)
SELECT market, line, outcomes FROM jsonb_to_recordset(%s::jsonb) AS new(market text, line text, outcomes text[])
ORDER BY market, line, outcomes
"""


class Line(NamedTuple):
    """A stored line. `siblings`: the ids of lines with the same market and line, but other outcomes."""

    id: int
    outcomes: tuple[str, ...]
    siblings: list[int]

    def odds_of(self, market: MarketRow) -> tuple[int, ...]:
        """The market's odds in the order of the line's outcomes."""
        if market.outcomes == self.outcomes:
            return market.odds
        odds = dict(zip(market.outcomes, market.odds, strict=True))
        return tuple([odds[outcome] for outcome in self.outcomes])


def market_lines(markets: Iterable[MarketRow]) -> MarketLines:
    """Key of each market, with outcomes as sent -> its line; unknown lines are stored. The same outcomes in another
    order are the same line. The transaction holds the lock of the prices."""
    keys = dict.fromkeys((each.market, each.line, each.outcomes) for each in markets)
    pairs = [list(column) for column in zip(*{key[:2] for key in keys}, strict=True)]
    found = _find(pairs)
    missing = {_with_sorted_outcomes(key): key for key in reversed(keys) if _with_sorted_outcomes(key) not in found}
    if missing:
        new = [dict(zip(("market", "line", "outcomes"), key, strict=True)) for key in missing.values()]
        execute(_ADD, [as_json(new)])
        found = _find(pairs)
    return {key: found[_with_sorted_outcomes(key)] for key in keys}


def _find(pairs: list[list[str]]) -> dict[LineKey, Line]:
    by_line: dict[tuple[str, str], list[tuple[int, tuple[str, ...]]]] = {}
    for line_id, market, line, outcomes in query(_FIND, pairs):
        by_line.setdefault((market, line), []).append((line_id, tuple(outcomes)))
    return {
        _with_sorted_outcomes((*key, outcomes)): Line(line_id, outcomes, [each for each, _ in lines if each != line_id])
        for key, lines in by_line.items()
        for line_id, outcomes in lines
    }


def _with_sorted_outcomes(key: LineKey) -> LineKey:
    market, line, outcomes = key
    return market, line, tuple(sorted(outcomes))

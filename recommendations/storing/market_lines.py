"""The ids of market lines, handed out under the lock of the prices."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from tenants.routing.connections import execute, query

from .upsert_sql import as_json

LineKey = tuple[str, str, tuple[str, ...]]  # market, line, outcomes

_WANTED = "jsonb_to_recordset(%s::jsonb) AS wanted(market text, line text)"
# Of each market and line with any set of outcomes: an event has one row for them all.
_FIND = f"""
SELECT id, market, line, outcomes FROM market_lines JOIN {_WANTED} USING (market, line)
"""
_ADD = """
INSERT INTO market_lines (market, line, outcomes)
SELECT market, line, outcomes FROM jsonb_to_recordset(%s::jsonb) AS new(market text, line text, outcomes text[])
ORDER BY market, line, outcomes
"""


@dataclass(frozen=True, slots=True)
class LineIds:
    """`by_line` has the ids of a market and line with any set of outcomes."""

    ids: dict[LineKey, int]
    by_line: dict[tuple[str, str], list[int]]


def line_ids(wanted: Collection[LineKey]) -> LineIds:
    """The ids of these lines, new ones for those without. The transaction holds the lock of the prices."""
    pairs = as_json([{"market": market, "line": line} for market, line in sorted({key[:2] for key in wanted})])
    found = _find(pairs)
    if missing := sorted(set(wanted) - found.ids.keys()):
        execute(_ADD, [as_json([dict(zip(("market", "line", "outcomes"), key, strict=True)) for key in missing])])
        found = _find(pairs)
    return found


def _find(pairs: str) -> LineIds:
    found = LineIds({}, defaultdict(list))
    for line_id, market, line, outcomes in query(_FIND, [pairs]):
        found.ids[market, line, tuple(outcomes)] = line_id
        found.by_line[market, line].append(line_id)
    return found

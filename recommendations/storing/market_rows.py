"""Writes the prices of market lines: for each line of an event the newest, of equal times the last to arrive."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from recommendations.validation.markets import MAX_MARKETS, MarketRow
from tenants.routing.connections import execute, query

from .market_lines import Line, market_lines

# The subqueries hide the lengths from PostgreSQL, which then plans for ten rows, by the primary key. For some hundred
# rows it would read the whole table, assuming that rows are scattered on a disk.
_ROWS = """
unnest(
    (SELECT %s)::bigint[], (SELECT %s)::int[], (SELECT %s)::smallint[],
    (SELECT %s)::text[], (SELECT %s)::timestamptz[], (SELECT %s)::text[]
) WITH ORDINALITY AS row(event_id, line_id, producer, status, as_of, odds_text, number)
"""
_IS_OFFERED = "({0}.status = 'open' AND 0 < ANY({0}.odds))"
_IS_UPDATED = """(
    markets.as_of <= sent.as_of AND (markets.as_of, markets.producer, markets.status, markets.odds)
        IS DISTINCT FROM (sent.as_of, sent.producer, sent.status, sent.odds)
)"""
# One statement updates rows, and returns by number only the rows that need more. `is_stopped`: a stored closing may
# apply to it. Both parts see the rows as they were before.
_UPDATE = f"""
WITH sent AS MATERIALIZED (
    SELECT number, event_id, line_id, producer, status, as_of, odds_text::int[] AS odds FROM {_ROWS}
), updated AS (
    UPDATE markets SET producer = sent.producer, status = sent.status, as_of = sent.as_of, odds = sent.odds FROM sent
    WHERE markets.event_id = sent.event_id AND markets.line_id = sent.line_id AND {_IS_UPDATED}
)
SELECT * FROM (
    SELECT number, markets.event_id IS NULL AS is_new, COALESCE(markets.as_of > sent.as_of, false) AS is_stale,
        markets.event_id IS NOT NULL AND NOT {_IS_UPDATED} AS is_kept,
        markets.event_id IS NOT NULL AND {_IS_UPDATED} AND (
            {_IS_OFFERED.format("markets")} IS DISTINCT FROM {_IS_OFFERED.format("sent")}
            OR markets.producer <> sent.producer
        ) AS is_flipped,
        EXISTS (SELECT FROM market_stops AS stop WHERE stop.event_id = sent.event_id AND stop.as_of >= sent.as_of)
            AS is_stopped
    FROM sent LEFT JOIN markets USING (event_id, line_id)
) AS states WHERE is_new OR is_kept OR is_flipped OR is_stopped
ORDER BY number
"""
_INSERT = f"""
INSERT INTO markets (event_id, line_id, producer, status, as_of, odds)
SELECT event_id, line_id, producer, status, as_of, odds_text::int[] FROM {_ROWS} ORDER BY event_id, line_id
"""
# Rows of the same market and line with other outcomes.
_SIBLINGS = """
SELECT event_id, line_id, as_of FROM markets
JOIN unnest((SELECT %s)::bigint[], (SELECT %s)::int[]) AS sibling(event_id, line_id) USING (event_id, line_id)
"""
_DELETE = """
DELETE FROM markets USING unnest((SELECT %s)::bigint[], (SELECT %s)::int[]) AS gone(event_id, line_id)
WHERE markets.event_id = gone.event_id AND markets.line_id = gone.line_id
"""
_COUNT = "SELECT event_id, count(*) FROM markets WHERE event_id = ANY(%s) GROUP BY event_id"


class SentLine(NamedTuple):
    """A market line in a message. `places`: the indices in the call's rows of its message, and of those it replaces."""

    places: list[int]
    event_id: int
    producer: int
    as_of: datetime
    market: MarketRow


class _Row(NamedTuple):
    sent: SentLine
    line: Line
    is_replacing: bool = False  # replaces a row of the same market and line with other outcomes


@dataclass(slots=True)
class Written:
    """Results of a call. Indices of messages: `places` with a new price, `stale` with only older prices, `too_many`
    with more markets than an event may have. Ids of events: `to_flip`, whose producers with an open price may have
    changed; `to_close`, with a price from before a closing."""

    places: set[int] = field(default_factory=set)
    stale: set[int] = field(default_factory=set)
    too_many: set[int] = field(default_factory=set)
    to_flip: set[int] = field(default_factory=set)
    to_close: set[int] = field(default_factory=set)


def write_markets(sent: Iterable[SentLine]) -> Written:
    """Write the newest price of each line. A message that another message of the call replaces has the latter's result.
    The transaction holds the lock of the prices."""
    written = Written()
    newest = _newest(sent, written)
    if newest:
        lines = market_lines(each.market for each in newest)
        rows = [_Row(each, lines[each.market.market, each.market.line, each.market.outcomes]) for each in newest]
        new = _update(_replace_siblings(rows, written), written)
        _insert(_within_limit(new, written), written)
    return written


def _newest(sent: Iterable[SentLine], written: Written) -> list[SentLine]:
    newest: dict[tuple[int, str, str], SentLine] = {}
    for each in sent:
        key = each.event_id, each.market.market, each.market.line
        earlier = newest.get(key)
        if earlier is None:
            newest[key] = each
        elif each.as_of < earlier.as_of:
            written.stale.update(each.places)
        elif each[1:] != earlier[1:]:
            earlier.places.extend(each.places)
            newest[key] = each._replace(places=earlier.places)
    return list(newest.values())


def _replace_siblings(rows: list[_Row], written: Written) -> list[_Row]:
    """Delete rows of the same markets and lines with other outcomes. A row with a newer sibling is stale instead."""
    siblings = [(row.sent.event_id, sibling) for row in rows for sibling in row.line.siblings]
    stored = {tuple(key): as_of for *key, as_of in query(_SIBLINGS, _columns(siblings))} if siblings else {}
    if not stored:
        return rows
    kept, gone = [], []
    for row in rows:
        own = [key for key in ((row.sent.event_id, sibling) for sibling in row.line.siblings) if key in stored]
        if any(stored[key] > row.sent.as_of for key in own):
            written.stale.update(row.sent.places)
            continue
        gone += own
        kept.append(row._replace(is_replacing=bool(own)))
    if gone:
        execute(_DELETE, _columns(gone))
        written.to_flip.update(event_id for event_id, _ in gone)
    return kept


def _update(rows: list[_Row], written: Written) -> list[_Row]:
    """Update the stored rows that are older. Returns the rows that are not stored yet."""
    new: list[_Row] = []
    others: set[int] = set()
    for number, is_new, is_stale, is_kept, is_flipped, is_stopped in query(_UPDATE, _values(rows)) if rows else ():
        row = rows[number - 1]
        if is_new:
            new.append(row)
        if is_stale:
            written.stale.update(row.sent.places)
        if is_flipped:
            written.to_flip.add(row.sent.event_id)
        if is_stopped:
            written.to_close.add(row.sent.event_id)
        if is_new or is_kept:
            others.add(number - 1)
    for number, row in enumerate(rows):
        if number not in others:
            written.places.update(row.sent.places)
    return new


def _within_limit(new: list[_Row], written: Written) -> list[_Row]:
    """The rows without surplus ones, of events that have `MAX_MARKETS` rows."""
    counts = Counter(dict(query(_COUNT, [sorted({row.sent.event_id for row in new})]))) if new else Counter[int]()
    kept = []
    for row in sorted(new, key=lambda row: not row.is_replacing):
        counts[row.sent.event_id] += 1
        if counts[row.sent.event_id] > MAX_MARKETS:
            written.too_many.update(row.sent.places)
        else:
            kept.append(row)
    return kept


def _insert(rows: list[_Row], written: Written) -> None:
    if rows:
        execute(_INSERT, _values(rows))
    for row in rows:
        written.places.update(row.sent.places)
        written.to_flip.add(row.sent.event_id)


def _values(rows: Sequence[_Row]) -> list[str]:
    """Query parameters as PostgreSQL's array literals: the driver takes three times as long to write lists."""
    sent = [row.sent for row in rows]
    odds = ['"{' + ",".join(map(str, row.line.odds_of(row.sent.market))) + '}"' for row in rows]
    return [
        _array(str(each.event_id) for each in sent),
        _array(str(row.line.id) for row in rows),
        _array(str(each.producer) for each in sent),
        _array(each.market.status for each in sent),
        _array(each.as_of.isoformat() for each in sent),
        _array(odds),
    ]


def _array(elements: Iterable[str]) -> str:
    """An array literal. The elements must be quoted if they contain quotes, commas or blanks."""
    return "{" + ",".join(elements) + "}"


def _columns(rows: Iterable[Sequence[object]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]

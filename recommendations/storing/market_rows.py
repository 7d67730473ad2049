"""Writing the prices of market lines: of each line of an event the newest, of equal times the last to arrive."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from recommendations.models import MarketStatus
from recommendations.validation.markets import CLOSED_ODD, MAX_MARKETS, MarketRow
from tenants.routing.connections import execute, query

from .market_lines import LineIds, line_ids

RowKey = tuple[int, int]  # event, line

_READ = """
SELECT event_id, line_id, producer, status, as_of, odds
FROM markets JOIN unnest(%s::bigint[], %s::int[]) AS wanted(event_id, line_id) USING (event_id, line_id)
"""
_ROWS = (
    "unnest(%s::bigint[], %s::int[], %s::smallint[], %s::text[], %s::timestamptz[], %s::text[]) "
    "AS row(event_id, line_id, producer, status, as_of, odds)"
)
_INSERT = f"""
INSERT INTO markets (event_id, line_id, producer, status, as_of, odds)
SELECT event_id, line_id, producer, status, as_of, odds::int[] FROM {_ROWS}
"""
_UPDATE = f"""
UPDATE markets SET producer = row.producer, status = row.status, as_of = row.as_of, odds = row.odds::int[] FROM {_ROWS}
WHERE markets.event_id = row.event_id AND markets.line_id = row.line_id
"""
_DELETE = """
DELETE FROM markets USING unnest(%s::bigint[], %s::int[]) AS gone(event_id, line_id)
WHERE markets.event_id = gone.event_id AND markets.line_id = gone.line_id
"""
_COUNT = "SELECT event_id, count(*) FROM markets WHERE event_id = ANY(%s) GROUP BY event_id"


class Told(NamedTuple):
    """A market line as the message at `place` of a call's rows tells it."""

    place: int
    event_id: int
    producer: int
    as_of: datetime
    market: MarketRow


class _Stored(NamedTuple):
    producer: int
    status: str
    as_of: datetime
    odds: list[int]

    @property
    def offered_by(self) -> int | None:
        is_open = self.status == MarketStatus.OPEN and any(odd != CLOSED_ODD for odd in self.odds)
        return self.producer if is_open else None


@dataclass(slots=True)
class Written:
    """The places of messages with a new price, of those with only older ones, and of those with more markets than an
    event may have; and the events whose producers with an open price may have changed."""

    places: set[int] = field(default_factory=set)
    stale: set[int] = field(default_factory=set)
    too_many: set[int] = field(default_factory=set)
    to_flip: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Plan:
    inserts: list[tuple[RowKey, Told]] = field(default_factory=list)
    updates: list[tuple[RowKey, Told]] = field(default_factory=list)
    deletes: list[RowKey] = field(default_factory=list)


def write_markets(told: Iterable[Told]) -> Written:
    """The transaction holds the lock of the prices."""
    newest = _newest(told)
    if not newest:
        return Written()
    ids = line_ids({(each.market.market, each.market.line, each.market.outcomes) for each in newest})
    written = Written()
    plan = _plan(newest, ids, _read(newest, ids), written)
    _drop_too_many(plan, written)
    _write(plan)
    return written


def _newest(told: Iterable[Told]) -> list[Told]:
    newest: dict[tuple[int, str, str], Told] = {}
    for each in told:
        key = each.event_id, each.market.market, each.market.line
        earlier = newest.get(key)
        if earlier is None or each.as_of >= earlier.as_of:
            newest[key] = each
    return list(newest.values())


def _read(told: Sequence[Told], ids: LineIds) -> dict[RowKey, _Stored]:
    keys = [(each.event_id, line_id) for each in told for line_id in ids.by_line[each.market.market, each.market.line]]
    events, lines = zip(*keys, strict=True)
    return {(event, line): _Stored(*rest) for event, line, *rest in query(_READ, [list(events), list(lines)])}


def _plan(told: Sequence[Told], ids: LineIds, stored: dict[RowKey, _Stored], written: Written) -> _Plan:
    plan = _Plan()
    for each in told:
        market = each.market
        key = each.event_id, ids.ids[market.market, market.line, market.outcomes]
        siblings = [(each.event_id, line_id) for line_id in ids.by_line[market.market, market.line]]
        others = [sibling for sibling in siblings if sibling != key and sibling in stored]
        if any(stored[known].as_of > each.as_of for known in (key, *others) if known in stored):
            written.stale.add(each.place)
            continue
        new = _Stored(each.producer, market.status, each.as_of, list(market.odds))
        before = stored.get(key)
        if before == new:
            continue
        (plan.inserts if before is None else plan.updates).append((key, each))
        plan.deletes += others
        written.places.add(each.place)
        if before is None or others or before.offered_by != new.offered_by:
            written.to_flip.add(each.event_id)
    return plan


def _drop_too_many(plan: _Plan, written: Written) -> None:
    """Leave out new rows of events that have as many as allowed."""
    if not plan.inserts:
        return
    replaced = {event_id for event_id, _ in plan.deletes}
    events = {event_id for (event_id, _), _ in plan.inserts} - replaced
    counts = Counter(dict(query(_COUNT, [sorted(events)])))
    kept = []
    for key, each in plan.inserts:
        counts[key[0]] += 1
        if counts[key[0]] > MAX_MARKETS and key[0] not in replaced:
            written.too_many.add(each.place)
        else:
            kept.append((key, each))
    plan.inserts = kept


def _write(plan: _Plan) -> None:
    if plan.deletes:
        events, lines = zip(*plan.deletes, strict=True)
        execute(_DELETE, [list(events), list(lines)])
    for sql, rows in ((_INSERT, plan.inserts), (_UPDATE, plan.updates)):
        if rows:
            execute(sql, _columns(rows))


def _columns(rows: Iterable[tuple[RowKey, Told]]) -> list[list[object]]:
    values = [
        (
            *key,
            each.producer,
            each.market.status,
            each.as_of,
            f"{{{','.join(map(str, each.market.odds))}}}",
        )
        for key, each in sorted(rows, key=lambda row: row[0])
    ]
    return [list(column) for column in zip(*values, strict=True)]

"""Closings of markets: they are stored, and apply to prices of the same time or before."""

from collections.abc import Collection, Mapping
from datetime import datetime

from recommendations.validation.fields import SEPARATOR
from tenants.routing.connections import execute, query

StopKey = tuple[int, int, str]  # event, producer, scope
Stops = Mapping[StopKey, tuple[datetime, str]]

_STORE = """
INSERT INTO market_stops AS stored (event_id, producer, scope, as_of, status)
SELECT * FROM unnest(%s::bigint[], %s::smallint[], %s::text[], %s::timestamptz[], %s::text[])
ON CONFLICT (event_id, producer, scope) DO UPDATE SET as_of = excluded.as_of, status = excluded.status
WHERE stored.as_of < excluded.as_of
RETURNING event_id, producer, scope
"""
# `as_of` stays the price's: a price of another producer, sent before the closing and received after it, still counts.
_APPLY = f"""
UPDATE markets SET status = stop.status FROM market_stops AS stop, market_lines AS line
WHERE stop.event_id = ANY(%s) AND markets.event_id = stop.event_id AND markets.producer = stop.producer
    AND line.id = markets.line_id AND markets.as_of <= stop.as_of AND markets.status = 'open'
    AND stop.scope IN ('', line.market, line.market || E'\\x{ord(SEPARATOR):02x}' || line.line)
RETURNING markets.event_id
"""


def store_stops(stops: Stops) -> set[StopKey]:
    """Store the closings. Returns the keys of those that are newer than the stored closings."""
    rows = [(*key, *values) for key, values in sorted(stops.items())]
    return {
        (event, producer, scope) for event, producer, scope in query(_STORE, list(map(list, zip(*rows, strict=True))))
    }


def apply_stops(event_ids: Collection[int]) -> set[int]:
    """Close the open markets of these events to which a closing applies. Returns the ids of changed events."""
    return {event_id for (event_id,) in query(_APPLY, [sorted(event_ids)])}


def forget_stops(event_ids: Collection[int]) -> None:
    execute("DELETE FROM market_stops WHERE event_id = ANY(%s)", [list(event_ids)])

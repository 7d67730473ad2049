"""The queries of prices, each one statement and thus one database snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tenants.routing.connections import casino_connection

from .event_prices import NO_PRICES, PackedPrices, packed_prices
from .feeds import FEEDS, Feeds, decode_feeds
from .lines import LineRow, Lines

# Three columns for the select list of any query, with the parameter `price_version` (that of the kept prices): the
# database's version, the ids of events whose prices changed since, null if none did, and the feeds. A lost row of the
# version is inserted again with 0, each time: 0 says nothing of the prices, as no version does.
PRICE_COLUMNS = (
    "(SELECT NULLIF(version, 0) FROM price_version WHERE id = 1) AS price_version, "
    # without a change, the function would take most of these columns' time
    "(SELECT CASE WHEN version IS DISTINCT FROM %(price_version)s THEN price_changes_since(%(price_version)s) END "
    f"FROM price_version WHERE id = 1) AS price_changes, {FEEDS} AS feeds"
)
COLUMN_COUNT = 3

# A time that is not over counts as now: no clock keeps a price fresh. The ids come from a subquery, so that PostgreSQL
# doesn't see how few they are: for these few a plan of their own looks cheaper, and making it at each execution takes
# longer than the rest.
_READ = f"""
SELECT (SELECT NULLIF(version, 0) FROM price_version WHERE id = 1), {FEEDS},
    (SELECT json_agg(json_build_array(id, market, line, outcomes)) FROM market_lines WHERE id > %(line)s)::text,
    (SELECT json_agg(json_build_array(event_id, json_build_array(line_ids, producers, statuses, times, odds))) FROM (
        SELECT event_id, json_agg(line_id) AS line_ids, json_agg(producer) AS producers, json_agg(status) AS statuses,
            json_agg(extract(epoch FROM least(as_of, clock_timestamp()))) AS times, json_agg(odds) AS odds
        FROM (SELECT * FROM markets WHERE event_id = ANY((SELECT %(events)s::bigint[])::bigint[])
            ORDER BY event_id, line_id) AS of_lines
        GROUP BY event_id
    ) AS of_events)::text
"""
_EventRow = tuple[int, tuple[list[int], list[int], list[str], list[float], list[list[int]]]]
_LINES = msgspec.json.Decoder(list[LineRow])
_EVENTS = msgspec.json.Decoder(list[_EventRow], strict=False)  # an infinite time is text


@dataclass(frozen=True, slots=True)
class ReadPrices:
    """The prices of the requested events, as of `version`, and the feeds at that time."""

    version: int | None
    feeds: Feeds
    rows: Mapping[int, PackedPrices]


def read_prices(event_ids: Sequence[int], lines: Lines) -> ReadPrices:
    """Read these events' prices in the current casino's database, by primary key. Adds new market lines to `lines`."""
    parameters: dict[str, Any] = {"line": lines.latest, "events": list(event_ids)}
    [[version, feeds, new_lines, events]] = casino_connection().query_prepared(_READ, parameters)
    if new_lines is not None:
        lines.include(_LINES.decode(new_lines))
    rows = dict.fromkeys(event_ids, NO_PRICES)
    rows |= {event_id: packed_prices(columns, lines) for event_id, columns in _EVENTS.decode(events or "[]")}
    return ReadPrices(version, decode_feeds(feeds), rows)

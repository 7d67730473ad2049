"""The queries of prices, each one statement and thus one database snapshot."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from tenants.routing.connections import casino_connection

from .event_prices import NO_PRICES, PackedPrices, packed_prices
from .feeds import FEEDS, Feeds, decode_feeds
from .lines import LineRow, Lines

# The market lines after `price_line`, and the rows of events. A time that is not over counts as now: no clock keeps a
# price fresh.
_PRICES = """
    (SELECT json_agg(json_build_array(id, market, line, outcomes)) FROM market_lines WHERE id > %(price_line)s),
    (SELECT json_agg(json_build_array(event_id, json_build_array(line_ids, producers, statuses, times, odds))) FROM (
        SELECT event_id, json_agg(line_id) AS line_ids, json_agg(producer) AS producers, json_agg(status) AS statuses,
            json_agg(extract(epoch FROM least(as_of, clock_timestamp()))) AS times, json_agg(odds) AS odds
        FROM (SELECT * FROM markets WHERE event_id = ANY({events}) ORDER BY event_id, line_id) AS of_lines
        GROUP BY event_id
    ) AS of_events)
"""
# Ids and their number come from subqueries, so that PostgreSQL doesn't see how few they are: for these few a plan of
# their own looks cheaper, and making it at each execution takes longer than the rest.
_ALL = "(SELECT %(price_events)s::bigint[])::bigint[]"
_CHANGED = """ARRAY(
    SELECT unnest((SELECT %(price_events)s::text::bigint[])) INTERSECT SELECT unnest(changes.ids)
    LIMIT (SELECT %(price_limit)s::int)
)"""
_VERSION = "(SELECT NULLIF(version, 0) FROM price_version WHERE id = 1)"
# Three columns for the select list of any query, with the parameters of `KnownPrices`: the database's version; the ids
# of events whose prices changed since, with the prices of those that are asked for, null if none did; and the feeds. A
# lost row of the version is inserted again with 0, each time: 0 says nothing of the prices, as no version does.
# OFFSET 0: the function runs once, and only after a change; it would take most of these columns' time.
PRICE_COLUMNS = f"""
{_VERSION} AS price_version,
(SELECT json_build_array(ids, {_PRICES.format(events=_CHANGED)})::text FROM (
    SELECT price_changes_since(%(price_version)s) AS ids FROM price_version
    WHERE id = 1 AND version IS DISTINCT FROM %(price_version)s OFFSET 0
) AS changes) AS price_changes,
{FEEDS} AS feeds
"""
COLUMN_COUNT = 3
_READ = f"SELECT {_VERSION}, {FEEDS}, json_build_array({_PRICES.format(events=_ALL)})::text"

_EventRow = tuple[int, tuple[list[int], list[int], list[str], list[float], list[list[int]]]]
_Prices = tuple[list[LineRow] | None, list[_EventRow] | None]
# Not strict: an infinite time is text.
_PRICES_DECODER = msgspec.json.Decoder(_Prices, strict=False)
_CHANGES_DECODER = msgspec.json.Decoder(tuple[list[int] | None, msgspec.Raw, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class ReadPrices:
    """The prices of the requested events, as of `version`, and the feeds at that time."""

    version: int | None
    feeds: Feeds
    rows: Mapping[int, PackedPrices]


def read_prices(event_ids: Sequence[int], lines: Lines) -> ReadPrices:
    """Read these events' prices in the current casino's database, by primary key. Adds new market lines to `lines`."""
    parameters: dict[str, Any] = {"price_line": lines.latest, "price_events": list(event_ids)}
    [[version, feeds, prices]] = casino_connection().query_prepared(_READ, parameters)
    rows = dict.fromkeys(event_ids, NO_PRICES) | _packed(prices, lines)
    return ReadPrices(version, decode_feeds(feeds), rows)


class PriceChanges:
    """The column `price_changes`, decoded. `event_ids`: see `price_changes_since`."""

    def __init__(self, column: str) -> None:
        self.event_ids, self._lines, self._events = _CHANGES_DECODER.decode(column)

    def prices(self, lines: Lines) -> dict[int, PackedPrices]:
        """The prices of events that were asked for, changed and have some; none if any can't be read: no request needs
        these alone. Adds new market lines to `lines`, which are those of the query."""
        with suppress(msgspec.DecodeError):
            return _packed(b"[%b,%b]" % (self._lines, self._events), lines)
        return {}


def _packed(prices: str | bytes, known: Lines) -> dict[int, PackedPrices]:
    lines, events = _PRICES_DECODER.decode(prices)
    known.include(lines or ())
    return {event_id: packed_prices(columns, known) for event_id, columns in events or ()}

"""The queries of prices. Each is one statement and thus reads one database snapshot."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import msgspec

from tenants.routing.connections import casino_connection

from .event_prices import NO_PRICES, PackedPrices, packed_prices, patch
from .feeds import FEEDS, Feeds, decode_feeds
from .lines import LineRow, Lines

# The market lines after `price_line`.
_LINES = "(SELECT json_agg(json_build_array(id, market, line, outcomes)) FROM market_lines WHERE id > %(price_line)s)"
# Rows by event. A future time counts as now, so that no wrong clock keeps a price valid. The ids come from a subquery,
# which hides their number from PostgreSQL: for few ids it would choose a custom plan, and planning at each execution
# takes longer than the rest.
_BY_EVENT = """
    (SELECT json_agg(json_build_array(event_id, json_build_array(line_ids, producers, statuses, times, odds))) FROM (
        SELECT event_id, json_agg(line_id) AS line_ids, json_agg(producer) AS producers, json_agg(status) AS statuses,
            json_agg(extract(epoch FROM least(as_of, clock_timestamp()))) AS times, json_agg(odds) AS odds
        FROM (
            SELECT * FROM markets WHERE event_id = ANY((SELECT %(price_events)s::bigint[])::bigint[])
            ORDER BY event_id, line_id
        ) AS of_lines GROUP BY event_id
    ) AS of_events)
"""
_VERSION = "(SELECT NULLIF(version, 0) FROM price_version WHERE id = 1)"
# Three columns for the select list of any query, with the parameters of `KnownPrices`: the database's version; the ids
# of events whose prices changed since, with the changed lines of the requested ones, null without changes; and the
# feeds. A trigger that finds the version's row missing inserts it with 0, which counts as no version here.
PRICE_COLUMNS = f"""
{_VERSION} AS price_version,
(SELECT CASE WHEN version IS DISTINCT FROM %(price_version)s
    THEN changed_prices(%(price_version)s, %(price_events)s::text::bigint[], %(price_limit)s) END
FROM price_version WHERE id = 1) AS price_changes,
{FEEDS} AS feeds
"""
COLUMN_COUNT = 3
_READ = f"SELECT {_VERSION}, {FEEDS}, json_build_array({_LINES}, {_BY_EVENT})::text"

_EventRow = tuple[int, tuple[list[int], list[int], list[str], list[float], list[list[int]]]]
# Not strict: an infinite time is text in JSON.
_PRICES_DECODER = msgspec.json.Decoder(tuple[list[LineRow] | None, list[_EventRow] | None], strict=False)
_CHANGES_DECODER = msgspec.json.Decoder(tuple[list[int] | None, msgspec.Raw])
_NONE = msgspec.Raw(b"null")
_CHANGED_DECODER = msgspec.json.Decoder(list[_EventRow] | None, strict=False)


@dataclass(frozen=True, slots=True)
class ReadPrices:
    """The prices of the requested events as of `version`, with the feeds as of the same snapshot."""

    version: int | None
    feeds: Feeds
    rows: Mapping[int, PackedPrices]


def read_prices(event_ids: Sequence[int], lines: Lines) -> ReadPrices:
    """Read these events' prices from the current casino's database, by primary key. Adds new market lines to
    `lines`."""
    parameters: dict[str, Any] = {"price_line": lines.latest, "price_events": list(event_ids)}
    [[version, feeds, prices]] = casino_connection().query_prepared(_READ, parameters)
    new_lines, events = _PRICES_DECODER.decode(prices)
    lines.include(new_lines or ())
    rows = {event_id: packed_prices(columns, lines) for event_id, columns in events or ()}
    return ReadPrices(version, decode_feeds(feeds), dict.fromkeys(event_ids, NO_PRICES) | rows)


class PriceChanges:
    """The decoded column `price_changes`. `event_ids`: see `price_changes_since`; None without changes."""

    def __init__(self, column: str | None) -> None:
        self.event_ids, self._events = (None, _NONE) if column is None else _CHANGES_DECODER.decode(column)

    def apply(self, before: Mapping[int, PackedPrices], lines: Lines) -> dict[int, PackedPrices]:
        """Patch the prices `before`, which are as of the version in the query's parameters, with their changed lines.
        Events are left out if the query did not return all their changes, or if a changed line is unreadable."""
        with suppress(msgspec.DecodeError):
            changed = [each for each in _CHANGED_DECODER.decode(self._events) or () if each[0] in before]
            patched = {event_id: patch(before[event_id], columns, lines) for event_id, columns in changed}
            return {event_id: packed for event_id, packed in patched.items() if packed is not None}
        return {}

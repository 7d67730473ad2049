"""Counts of the market lines of a casino's next events by refusal."""

from collections import Counter
from dataclasses import dataclass, field
from math import inf
from typing import Any

import msgspec
import numpy as np

from recommendations.models import EventStatus
from tenants.routing.connections import casino_connection, query

from .event_prices import LINE, EventPrices
from .feeds import Feeds, valid_from
from .gate import Gate
from .lines import Lines
from .price_rules import PriceRules
from .refusals import STATUSES, Refusal

MAX_EVENTS = 2_000

# Counts of market lines, and of events with such a line, by the gate's inputs: producer, status, whether the event is
# in play, whether an outcome has an odd, and whether the price is not older than the producer's earliest valid time.
_COUNT = """
WITH next_events AS (
    SELECT id, begin_timestamp <= statement_timestamp() OR status = %(live)s AS is_live FROM events
    WHERE offered_by IS NOT NULL AND status = ANY(%(bettable)s) AND end_timestamp > statement_timestamp()
    ORDER BY begin_timestamp, id LIMIT %(events)s
), counted AS (
    SELECT event_id, markets.producer, markets.status, is_live, 0 < ANY(odds) AS has_odd,
        least(as_of, statement_timestamp())
            >= to_timestamp(CASE WHEN is_live THEN of_live ELSE of_next END) AS is_valid,
        count(*) AS lines
    FROM next_events JOIN markets ON event_id = id
    LEFT JOIN unnest(%(codes)s::smallint[], %(of_next)s::float8[], %(of_live)s::float8[])
        AS valid_from(producer, of_next, of_live) ON valid_from.producer = markets.producer
    GROUP BY 1, 2, 3, 4, 5, 6
)
SELECT producer, status, is_live, has_odd, coalesce(is_valid, false), sum(lines)::int, count(*)
FROM counted GROUP BY 1, 2, 3, 4, 5
"""
_EVENTS = """
SELECT count(*) FROM events
WHERE offered_by IS NOT NULL AND status = ANY(%s) AND end_timestamp > statement_timestamp()
"""
_BETTABLE = [EventStatus.OPEN.value, EventStatus.LIVE.value]


@dataclass(slots=True)
class ProducerCounts:
    """One producer's market lines by refusal, and the number of events with an open line."""

    lines: Counter[Refusal] = field(default_factory=Counter)
    open_events: int = 0


@dataclass(frozen=True, slots=True)
class PriceCounts:
    """`events`: the number of bettable events with markets. `of_producers`, by code: counts of the next
    `counted_events` of them."""

    events: int
    counted_events: int
    of_producers: dict[int, ProducerCounts]


def count_prices(feeds: Feeds, rules: PriceRules, *, max_events: int = MAX_EVENTS) -> PriceCounts:
    """Count the current casino's prices, regardless of the markets that the rules allow."""
    gate = Gate(msgspec.structs.replace(rules, only_markets=frozenset(), blocked_markets=frozenset()), feeds)
    counts: dict[int, ProducerCounts] = {code: ProducerCounts() for code in feeds.producers}
    for code, status, is_live, has_odd, is_valid, lines, events in _classes(gate, max_events):
        refusal = _refusal(gate, code, status, is_live=is_live, has_odd=has_odd, is_valid=is_valid)
        of_producer = counts.setdefault(code, ProducerCounts())
        of_producer.lines[refusal] += lines
        of_producer.open_events += events if refusal is Refusal.OPEN else 0
    [(total,)] = query(_EVENTS, [_BETTABLE])
    return PriceCounts(total, min(total, max_events), counts)


def _classes(gate: Gate, max_events: int) -> list[tuple[Any, ...]]:
    codes = sorted(gate.feeds.producers)
    of_next, of_live = (
        valid_from(gate.feeds, gate.rules, gate.max_age_seconds(is_live=is_live)) for is_live in (False, True)
    )
    parameters: dict[str, Any] = {
        "live": EventStatus.LIVE.value,
        "bettable": _BETTABLE,
        "events": max_events,
        "codes": codes,
        "of_next": [of_next[code] for code in codes],
        "of_live": [of_live[code] for code in codes],
    }
    with casino_connection().cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        return list(cursor.fetchall())


def _refusal(gate: Gate, code: int, status: str, *, is_live: bool, has_odd: bool, is_valid: bool) -> Refusal:
    """The gate's refusal for a line of this class, by means of a made-up line with one outcome of an allowed odd."""
    as_of = inf if is_valid else -inf
    line = np.array([(0, code, STATUSES.get(status, Refusal.CLOSED), 1, as_of)], LINE)
    odds = np.array([gate.rules.bounds[0] if has_odd else 0], np.int32)
    return Refusal(gate.refusals(EventPrices(line, odds), Lines(), is_live=is_live, full=frozenset())[0])

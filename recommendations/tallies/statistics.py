"""Statistics of the current casino for its dashboard page, by queries of bounded cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from recommendations.validation.identity import title_of
from tenants.routing.connections import casino_connection

from .selections import WEIGHT_HALF_LIFE

MAX_COUNTED = 100_000  # above, counting takes too long: users are estimated, coupons are "at least" this many

_TOTALS = """
SELECT
    CASE WHEN estimate.users > %(counted)s THEN estimate.users ELSE (SELECT count(*) FROM users) END,
    estimate.users > %(counted)s,
    (SELECT count(*) FROM events WHERE status = 'OPEN' AND NOT is_withheld AND begin_timestamp > %(now)s),
    (SELECT count(*) FROM (
        SELECT FROM purchased_coupons WHERE timestamp >= %(midnight)s AND timestamp < %(tomorrow)s LIMIT %(counted)s
    ) AS coupons)
FROM (SELECT reltuples::bigint AS users FROM pg_class WHERE oid = 'users'::regclass) AS estimate
"""

# PostgreSQL raises an error for a float underflow.
_TOP = """
SELECT value, sum(count)::bigint, sum(
    CASE WHEN weight > 1e-9 AND half_lives < 100 THEN weight * pow(0.5::float8, half_lives) ELSE 0 END
) AS weight_now
FROM casino_tallies, LATERAL (SELECT greatest(%(now)s - as_of, 0) / %(half_life)s AS half_lives) AS age
WHERE attribute = ANY(%(attributes)s)
GROUP BY value ORDER BY weight_now DESC, value LIMIT %(limit)s
"""

MAX_SAMPLE = 1_000  # latest recommendations per hour; it bounds the query's cost
_LATENCIES = """
SELECT
    hour,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms),
    percentile_cont(0.99) WITHIN GROUP (ORDER BY took_ms)
FROM generate_series(%(first)s, %(last)s, interval '1 hour') AS hour, LATERAL (
    SELECT took_ms FROM served_recommendations
    WHERE timestamp >= hour AND timestamp < hour + interval '1 hour' AND events <> '[]'
    ORDER BY timestamp DESC, id DESC LIMIT %(sampled)s
) AS latest
WHERE took_ms IS NOT NULL
GROUP BY hour
"""


@dataclass(frozen=True, slots=True)
class Totals:
    """A casino's totals. `users` is PostgreSQL's estimate if `is_estimated`; `coupons_today` (UTC) is a lower bound if
    `is_capped`."""

    users: int
    is_estimated: bool
    open_events: int
    coupons_today: int
    is_capped: bool


@dataclass(frozen=True, slots=True)
class TopValue:
    """A value of an attribute: the number of its selections, and their weight with a half-life of 30 days."""

    value: str
    count: int
    weight: float


@dataclass(frozen=True, slots=True)
class Latency:
    """The recommendation latency of one hour in ms: median and 99th percentile; None without recommendations."""

    hour: datetime
    p50: float | None = None
    p99: float | None = None


def totals(now: datetime, *, counted: int = MAX_COUNTED) -> Totals:
    """The current casino's totals, by one query that counts at most `counted` users and coupons."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    parameters: dict[str, Any] = {
        "counted": counted,
        "now": now,
        "midnight": midnight,
        "tomorrow": midnight + timedelta(days=1),
    }
    with casino_connection().cursor() as cursor:
        cursor.execute(_TOTALS, parameters)
        users, is_estimated, open_events, coupons_today = cursor.fetchone()
    return Totals(users, is_estimated, open_events, coupons_today, coupons_today >= counted)


def top_values(*attributes: str, now: datetime, limit: int) -> list[TopValue]:
    """The current casino's most popular values of these event attributes (`league`, `home_team`, ..), by decayed
    weight. They lag by some seconds."""
    parameters: dict[str, Any] = {
        "attributes": list(attributes),
        "now": now.timestamp(),
        "half_life": WEIGHT_HALF_LIFE,
        "limit": limit,
    }
    with casino_connection().cursor() as cursor:
        cursor.execute(_TOP, parameters)
        return [TopValue(title_of(value), count, weight) for value, count, weight in cursor.fetchall()]


def latencies(now: datetime, hours: int, *, sampled: int = MAX_SAMPLE) -> list[Latency]:
    """The current casino's latency in each of the latest `hours` hours (UTC), oldest first, from at most `sampled`
    recommendations per hour, the latest."""
    requested = latest_hours(now, hours)
    parameters: dict[str, Any] = {"first": requested[0], "last": requested[-1], "sampled": sampled}
    with casino_connection().cursor() as cursor:
        cursor.execute(_LATENCIES, parameters)
        found = {row[0]: Latency(*row) for row in cursor.fetchall()}
    return [found.get(hour, Latency(hour)) for hour in requested]


def latest_hours(now: datetime, hours: int) -> list[datetime]:
    """The starts of the latest `hours` hours, including the current one, oldest first."""
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    return [this_hour - timedelta(hours=back) for back in reversed(range(hours))]

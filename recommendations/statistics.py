"""What a casino's page says of its users, events and coupons: a few numbers, each by a query whose cost is bounded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tenants.routing.connections import casino_connection

from .tallies.selections import HALF_LIFE, start_of_hour

COUNTED = (
    100_000  # to count more takes longer than the answer is worth: users are estimated, coupons "at least" so many
)

_GLANCE = """
SELECT
    CASE WHEN estimate.users > %(counted)s THEN estimate.users ELSE (SELECT count(*) FROM users) END,
    estimate.users > %(counted)s,
    (SELECT count(*) FROM events WHERE status = 'OPEN' AND begin_timestamp > %(now)s),
    (SELECT count(*) FROM (
        SELECT FROM purchased_coupons WHERE timestamp >= %(midnight)s AND timestamp < %(tomorrow)s LIMIT %(counted)s
    ) AS coupons)
FROM (SELECT reltuples::bigint AS users FROM pg_class WHERE oid = 'users'::regclass) AS estimate
"""

# PostgreSQL refuses products that are too small for a float.
_TOP = """
SELECT value, sum(count)::bigint, sum(
    CASE WHEN weight > 1e-9 AND half_lives < 100 THEN weight * pow(0.5::float8, half_lives) ELSE 0 END
) AS weight_now
FROM casino_tallies, LATERAL (SELECT greatest(%(now)s - as_of, 0) / %(half_life)s AS half_lives) AS age
WHERE attribute = ANY(%(attributes)s)
GROUP BY value ORDER BY weight_now DESC, value LIMIT %(limit)s
"""

# Of a busy hour the latest answers speak for all: the cost is bounded, whatever was served.
SAMPLED = 1_000
_LATENCIES = """
SELECT
    hour,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY took_ms),
    percentile_cont(0.99) WITHIN GROUP (ORDER BY took_ms)
FROM generate_series(%(first)s, %(last)s, interval '1 hour') AS hour, LATERAL (
    SELECT took_ms FROM served_recommendations
    WHERE timestamp >= hour AND timestamp < hour + interval '1 hour'
    ORDER BY timestamp DESC, id DESC LIMIT %(sampled)s
) AS latest
WHERE took_ms IS NOT NULL
GROUP BY hour
"""


@dataclass(frozen=True, slots=True)
class Glance:
    """A casino's numbers. `users` may be PostgreSQL's estimate; `coupons_today` (by UTC), if capped, are more."""

    users: int
    is_estimated: bool
    open_events: int
    coupons_today: int
    is_capped: bool


@dataclass(frozen=True, slots=True)
class TopValue:
    """A value of an attribute in the casino's coupons: selections for life, and with a half-life of 30 days."""

    value: str
    count: int
    weight: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Within how many milliseconds half of an hour's recommendations were made, and 99 of 100; None without any."""

    hour: datetime
    p50: float | None = None
    p99: float | None = None


def glance(now: datetime, *, counted: int = COUNTED) -> Glance:
    """The current casino's numbers, by one query, which counts no more than `counted` users and coupons."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    parameters: dict[str, Any] = {
        "counted": counted,
        "now": now,
        "midnight": midnight,
        "tomorrow": midnight + timedelta(days=1),
    }
    with casino_connection().cursor() as cursor:
        cursor.execute(_GLANCE, parameters)
        users, is_estimated, open_events, coupons_today = cursor.fetchone()
    return Glance(users, is_estimated, open_events, coupons_today, coupons_today >= counted)


def top_values(*attributes: str, now: datetime, limit: int) -> list[TopValue]:
    """What the current casino's users bet on most, lately more than long ago: values of one of these attributes of
    events (`league`, `home_team`, ..). Some seconds old."""
    parameters: dict[str, Any] = {
        "attributes": list(attributes),
        "now": now.timestamp(),
        "half_life": HALF_LIFE,
        "limit": limit,
    }
    with casino_connection().cursor() as cursor:
        cursor.execute(_TOP, parameters)
        return [TopValue(*row) for row in cursor.fetchall()]


def latencies(now: datetime, hours: int, *, sampled: int = SAMPLED) -> list[Latency]:
    """Of the current casino, by the hour (UTC) of the answer: the latest so many hours up to this one, each of them,
    the oldest first; of a busy hour, of its latest `sampled` answers."""
    wanted = latest_hours(now, hours)
    parameters: dict[str, Any] = {"first": wanted[0], "last": wanted[-1], "sampled": sampled}
    with casino_connection().cursor() as cursor:
        cursor.execute(_LATENCIES, parameters)
        found = {row[0]: Latency(*row) for row in cursor.fetchall()}
    return [found.get(hour, Latency(hour)) for hour in wanted]


def latest_hours(now: datetime, hours: int) -> list[datetime]:
    """The beginnings of the latest so many hours up to this one, the oldest first."""
    this_hour = start_of_hour(now)
    return [this_hour - timedelta(hours=back) for back in reversed(range(hours))]

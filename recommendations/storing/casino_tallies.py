"""A casino's tallies, the source of its trends.

A call that stores coupons only appends the sum of their contributions (`pending_casino_sums`): updating the rows of all
values in each call would cost more than storing the coupons. The first call after `MERGE_SECONDS` merges all sums; so
does pruning, and a consumer once a casino's coupons pause. So the tallies lag by some seconds, or, where no consumer
stores the coupons, by up to the time between two prunings.
"""

import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from recommendations.tallies.casino_sums import TREND_HALF_LIFE, CasinoSums, SelectionLike
from recommendations.tallies.selections import HALF_LIFE
from recommendations.validation.fields import SEPARATOR
from tenants.routing.connections import casino_atomic, execute, query

from .upsert import as_json

MERGE_SECONDS = 10.0

_TINY = 1e-12
_NEGLIGIBLE = 0.001  # weight and trend of one selection ten half-lives ago
_UNKNOWN_EVENT_SECONDS = 86_400  # bets on an event can be stored before the event

# Tried without waiting: its holder merges for all, and no storing call waits for another.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"
_LOCK = "SELECT pg_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"

# Returns whether the oldest sum is older than the second parameter, in seconds.
_APPEND = """
INSERT INTO pending_casino_sums (sums) VALUES (%s) RETURNING (
    SELECT coalesce(min(pending.added_at) < now() - %s * interval '1 s', false) FROM pending_casino_sums AS pending
)
"""
_TAKE = "DELETE FROM pending_casino_sums RETURNING sums"


def _decayed(column: str, half_life: float, row: str, other: str) -> str:
    """SQL for the column of `row` as of the later of two rows. PostgreSQL raises an error for a float underflow."""
    age = f"least(greatest({other}.as_of - {row}.as_of, 0) / {half_life}, 300)"
    return f"CASE WHEN abs({row}.{column}) < {_TINY} THEN 0 ELSE {row}.{column} * power(2, -{age}) END"


def _sum(column: str, half_life: float) -> str:
    stored, added = _decayed(column, half_life, "stored", "excluded"), _decayed(column, half_life, "excluded", "stored")
    return f"greatest({stored} + {added}, 0)"


# A negative count of a value without a row is ignored. Parameters: the time, the rows as JSON.
_ADD = f"""
INSERT INTO casino_tallies AS stored (attribute, value, count, weight, trend, as_of)
SELECT attribute, value, count, weight, trend, %s FROM jsonb_to_recordset(%s::jsonb) AS row(
    attribute text, value text, count bigint, weight float8, trend float8
) WHERE row.count > 0 OR EXISTS (
    SELECT FROM casino_tallies AS known WHERE known.attribute = row.attribute AND known.value = row.value
) ORDER BY attribute, value
ON CONFLICT (attribute, value) DO UPDATE SET
    count = greatest(stored.count + excluded.count, 0),
    weight = {_sum("weight", HALF_LIFE)},
    trend = {_sum("trend", TREND_HALF_LIFE)},
    as_of = greatest(stored.as_of, excluded.as_of)
"""

# Parameters: the time in Unix seconds, twice.
_PRUNE = f"""
DELETE FROM casino_tallies WHERE count <= 0 OR (
    weight < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {HALF_LIFE}, 300))
    AND trend < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {TREND_HALF_LIFE}, 300))
)
"""

# Deletes the tallies of events that are over, and of unknown events without a recent bet. One join: with 500,000 events
# it takes a second instead of hours. Parameters: the time, twice; the earliest last bet on an unknown event to keep.
_PRUNE_EVENTS = f"""
WITH known AS MATERIALIZED (
    SELECT id::text AS value, end_timestamp > %s AS is_on FROM events
    UNION ALL
    SELECT concat_ws('{SEPARATOR}', sport, league, home_team, away_team), end_timestamp > %s FROM events
), by_value AS MATERIALIZED (SELECT value, bool_or(is_on) AS is_on FROM known GROUP BY value)
DELETE FROM casino_tallies AS pruned USING casino_tallies AS tally LEFT JOIN by_value USING (value)
WHERE pruned.attribute = 'event' AND tally.attribute = 'event' AND pruned.value = tally.value
  AND NOT COALESCE(by_value.is_on, tally.as_of >= %s)
"""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CasinoSums)
TimedSelections = tuple[float, Sequence[SelectionLike]]  # a coupon's timestamp (Unix seconds) and selections


def add_to_casino_tallies(coupons: Sequence[TimedSelections], *, sign: int = 1) -> None:
    """Count coupons in the casino's tallies; sign -1 subtracts them."""
    if not coupons:
        return
    sums = CasinoSums(max(timestamp for timestamp, _ in coupons))
    for timestamp, selections in coupons:
        sums.add(timestamp, selections, sign)
    [(is_due,)] = query(_APPEND, [zlib.compress(_ENCODER.encode(sums), 1), MERGE_SECONDS])
    if is_due:
        merge_casino_sums()


def lock_casino_tallies() -> None:
    """Keep other transactions from merging until this one ends; storing coupons still only appends sums."""
    execute(_LOCK)


def merge_casino_sums() -> bool:
    """Merge all appended sums into the casino's tallies; False if another transaction is merging."""
    with casino_atomic():
        [(is_mine,)] = query(_TRY_LOCK)
        if is_mine:
            write_sums(_DECODER.decode(zlib.decompress(sums)) for (sums,) in query(_TAKE))
    return bool(is_mine)


def write_sums(unmerged: Iterable[CasinoSums]) -> None:
    total = CasinoSums(0.0)
    for sums in unmerged:
        total.merge(sums)
    rows = [
        {"attribute": attribute, "value": value, "count": int(count), "weight": _or_0(weight), "trend": _or_0(trend)}
        for (attribute, value), (count, weight, trend) in total.by_key().items()
    ]
    if rows:
        execute(_ADD, [total.as_of, as_json(rows)])


def _or_0(number: float) -> float:
    """0 for numbers whose product may underflow, for which PostgreSQL raises an error."""
    return number if abs(number) > _TINY else 0.0


def prune_casino_tallies(now: datetime) -> None:
    """Merge the casino's tallies, and delete negligible ones: values without bets for months, and events that are over
    or unknown."""
    with casino_atomic():
        if merge_casino_sums():
            execute(_PRUNE, [now.timestamp()] * 2)
            execute(_PRUNE_EVENTS, [now, now, now.timestamp() - _UNKNOWN_EVENT_SECONDS])

"""What all coupons of a casino add up to, for what is popular there.

A call that stores coupons only appends the sum of what they add: to bring every value's row up to date at each call
would cost more than to store the coupons. The first call after `MERGE_SECONDS` does it for all calls so far; so does
whoever prunes, and a consumer once a casino's coupons have stopped coming. So the rows lag behind by some seconds, and
where other processes store coupons, by the time between two prunings at most.
"""

import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from recommendations.tallies.casino_sums import TREND_HALF_LIFE, CasinoSums, SelectionLike
from recommendations.tallies.selections import HALF_LIFE
from recommendations.validation.fields import SEPARATOR
from tenants.routing.connections import casino_atomic

from .sql import as_json, execute, query

MERGE_SECONDS = 10.0

_TINY = 1e-12
_NEGLIGIBLE = 0.001  # of weight and trend: that of one selection ten half-lives ago
_PATIENCE = 86_400  # seconds that an event may be unknown: bets on it can come before it

# Taken without waiting: who folds, prunes or rebuilds does it for all, and no call that stores waits for another.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"
_LOCK = "SELECT pg_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"

# Answers whether a sum has been pending for so long.
_APPEND = """
INSERT INTO pending_casino_sums (sums) VALUES (%s) RETURNING (
    SELECT coalesce(min(pending.added_at) < now() - %s * interval '1 s', false) FROM pending_casino_sums AS pending
)
"""
_TAKE = "DELETE FROM pending_casino_sums RETURNING sums"


def _decayed(column: str, half_life: float, whose: str, other: str) -> str:
    """SQL: what is to be added, as of the later of two rows. PostgreSQL refuses what is too small for a float."""
    age = f"least(greatest({other}.as_of - {whose}.as_of, 0) / {half_life}, 300)"
    return f"CASE WHEN abs({whose}.{column}) < {_TINY} THEN 0 ELSE {whose}.{column} * power(2, -{age}) END"


def _sum(column: str, half_life: float) -> str:
    mine, given = _decayed(column, half_life, "kept", "excluded"), _decayed(column, half_life, "excluded", "kept")
    return f"greatest({mine} + {given}, 0)"


# What is only taken back was never counted, if it is not there. Parameters: the time, the rows as JSON.
_ADD = f"""
INSERT INTO casino_tallies AS kept (attribute, value, count, weight, trend, as_of)
SELECT attribute, value, count, weight, trend, %s FROM jsonb_to_recordset(%s::jsonb) AS row(
    attribute text, value text, count bigint, weight float8, trend float8
) WHERE row.count > 0 OR EXISTS (
    SELECT FROM casino_tallies AS known WHERE known.attribute = row.attribute AND known.value = row.value
) ORDER BY attribute, value
ON CONFLICT (attribute, value) DO UPDATE SET
    count = greatest(kept.count + excluded.count, 0),
    weight = {_sum("weight", HALF_LIFE)},
    trend = {_sum("trend", TREND_HALF_LIFE)},
    as_of = greatest(kept.as_of, excluded.as_of)
"""

# Parameters: the time in Unix seconds, twice.
_PRUNE = f"""
DELETE FROM casino_tallies AS kept WHERE count <= 0 OR (
    weight < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {HALF_LIFE}, 300))
    AND trend < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {TREND_HALF_LIFE}, 300))
)
"""

# Of each event that is known, by its id and by its match: whether it is on. Joined once, so that it takes a second with
# 500,000 events, and not hours. Parameters: the time; before when an unknown one must have been bet on last.
_PRUNE_EVENTS = f"""
WITH known AS MATERIALIZED (
    SELECT id::text AS value, end_timestamp > %s AS is_on FROM events
    UNION ALL
    SELECT concat_ws('{SEPARATOR}', sport, league, home_team, away_team), end_timestamp > %s FROM events
), by_value AS MATERIALIZED (SELECT value, bool_or(is_on) AS is_on FROM known GROUP BY value)
DELETE FROM casino_tallies AS kept USING casino_tallies AS tally LEFT JOIN by_value USING (value)
WHERE kept.attribute = 'event' AND tally.attribute = 'event' AND kept.value = tally.value
  AND NOT COALESCE(by_value.is_on, tally.as_of >= %s)
"""

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CasinoSums)
Bought = tuple[float, Sequence[SelectionLike]]  # the timestamp, Unix seconds, and the selections


def add_to_casino_tallies(coupons: Sequence[Bought], *, sign: int = 1) -> None:
    """Count coupons in the casino's tallies; with sign -1 take them back."""
    if not coupons:
        return
    sums = CasinoSums(max(timestamp for timestamp, _ in coupons))
    for timestamp, bets in coupons:
        sums.add(timestamp, bets, sign)
    [(is_due,)] = query(_APPEND, [zlib.compress(_ENCODER.encode(sums), 1), MERGE_SECONDS])
    if is_due:
        merge_casino_sums()


def lock_casino_tallies() -> None:
    """Until the transaction's end, no other changes the casino's tallies; what coupons add is only appended."""
    execute(_LOCK)


def merge_casino_sums() -> bool:
    """Bring the casino's tallies up to date; False if another is at it."""
    with casino_atomic():
        [(is_mine,)] = query(_TRY_LOCK)
        if is_mine:
            write_sums(_DECODER.decode(zlib.decompress(sums)) for (sums,) in query(_TAKE))
    return bool(is_mine)


def write_sums(pending: Iterable[CasinoSums]) -> None:
    total = CasinoSums(0.0)
    for sums in pending:
        total.merge(sums)
    rows = [
        {"attribute": attribute, "value": value, "count": int(times), "weight": _or_0(weight), "trend": _or_0(trend)}
        for (attribute, value), (times, weight, trend) in total.by_key().items()
    ]
    if rows:
        execute(_ADD, [total.as_of, as_json(rows)])


def _or_0(number: float) -> float:
    """PostgreSQL refuses floats that are too small to multiply."""
    return number if abs(number) > _TINY else 0.0


def prune_casino_tallies(now: datetime) -> None:
    """Bring the casino's tallies up to date, and drop what says nothing any more: values hardly bet on for months, and
    events that are over or gone."""
    with casino_atomic():
        if merge_casino_sums():
            execute(_PRUNE, [now.timestamp()] * 2)
            execute(_PRUNE_EVENTS, [now, now, now.timestamp() - _PATIENCE])

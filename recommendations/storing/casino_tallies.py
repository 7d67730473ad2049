"""A casino's tallies, the source of its trends.

A call that stores coupons only appends their sums to `pending_casino_sums`: updating the rows of all values in each
call would cost more than storing the coupons. The first call after `MERGE_SECONDS` merges all sums; so do pruning, and
a consumer when a casino's coupons pause. The tallies therefore lag by some seconds, or, if no consumer stores the
coupons, by up to the interval between two prunings.
"""

import logging
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Protocol, Self

import msgspec
from django.db import DataError
from msgspec import UnsetType

from recommendations.tallies.outcome_keys import OUTCOME_ATTRIBUTES, key_of_odds_band, keys_of_outcome, line_band
from recommendations.tallies.selections import BAND_BOUNDS, WEIGHT_HALF_LIFE
from recommendations.tallies.trends import TREND_HALF_LIFE
from recommendations.validation.fields import SEPARATOR
from recommendations.validation.identity import league_key, match_of, name_of
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import Selection
from tenants.routing.connections import casino_atomic, casino_connection, current_alias, execute, query

from .upsert import as_json

logger = logging.getLogger(__name__)

_Key = tuple[str, str]  # attribute, value
_Sums = list[float]  # count, weight, trend
# event, sport, league, country, teams, odds band; league and teams are keys, or names in sums of earlier releases
_SelectionKey = tuple[int | None, str, str, str, str, str, int]
_BetKey = tuple[str, str, str, str, int]  # sport, market, line band, outcome, odds band

MERGE_SECONDS = 10.0

MAX_VALUES = 20_000  # the heaviest values of one attribute; they are pruned once a quarter more are stored
_MAX_STORED = MAX_VALUES * 5 // 4

_NO_BAND = -1  # the odds band of a void selection
_NUMBERS = 3  # count, weight, trend
_TINY = 1e-12
_NEGLIGIBLE = 0.001  # weight and trend of one selection ten half-lives ago
_UNKNOWN_EVENT_SECONDS = 86_400  # bets on an event can be stored before the event

# Bounds of stored sums: other programs may write into a casino's database.
_MAX_ENTRIES = 4_000  # of up to 2 KB each
_MAX_BYTES = 8 * 2**20
_MAX_ENTRIES_PER_MERGE = 4_000  # different selections; bounds the duration of a merge
_MAX_KEY_BYTES = 2_600  # PostgreSQL's limit of an index row
_MAX_NUMBER = 1e12
_MAX_TIME = 4.2e9  # in the year 2103
_BATCH_ROWS = 10

# The lock is tried without waiting: its holder merges all sums, and no storing call waits for another.
_TRY_LOCK = "SELECT pg_try_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"
_LOCK = "SELECT pg_advisory_xact_lock('casino_tallies'::regclass::oid::bigint)"

# Returns whether the oldest sum is older than the second parameter, in seconds.
_APPEND = """
INSERT INTO pending_casino_sums (sums) VALUES (%s) RETURNING (
    SELECT coalesce(min(pending.added_at) < now() - %s * interval '1 s', false) FROM pending_casino_sums AS pending
)
"""
# Sums that are too large are read as null.
_READ = f"""
SELECT id, CASE WHEN octet_length(sums) <= {_MAX_BYTES} THEN sums END FROM pending_casino_sums
WHERE id > %s ORDER BY id LIMIT {_BATCH_ROWS}
"""
_DELETE = "DELETE FROM pending_casino_sums WHERE id = ANY(%s)"


def _decayed(column: str, half_life: float, row: str, other: str) -> str:
    """SQL for the column of `row` as of the later of two rows. PostgreSQL raises an error for a float underflow."""
    age = f"least(greatest({other}.as_of - {row}.as_of, 0) / {half_life}, 300)"
    return f"CASE WHEN abs({row}.{column}) < {_TINY} THEN 0 ELSE {row}.{column} * power(2, -{age}) END"


def _sum(column: str, half_life: float) -> str:
    stored, added = _decayed(column, half_life, "stored", "excluded"), _decayed(column, half_life, "excluded", "stored")
    return f"greatest({stored} + {added}, 0)"


# A negative count of a value without a row is ignored. Parameters: the time, and the rows as JSON.
_ADD = f"""
INSERT INTO casino_tallies AS stored (attribute, value, count, weight, trend, as_of)
SELECT attribute, value, count, weight, trend, %s FROM jsonb_to_recordset(%s::jsonb) AS row(
    attribute text, value text, count bigint, weight float8, trend float8
) WHERE row.count > 0 OR EXISTS (
    SELECT FROM casino_tallies AS known WHERE known.attribute = row.attribute AND known.value = row.value
) ORDER BY attribute, value
ON CONFLICT (attribute, value) DO UPDATE SET
    count = greatest(stored.count + excluded.count, 0),
    weight = {_sum("weight", WEIGHT_HALF_LIFE)},
    trend = {_sum("trend", TREND_HALF_LIFE)},
    as_of = greatest(stored.as_of, excluded.as_of)
"""

# Parameters: the time in Unix seconds, twice.
_PRUNE = f"""
DELETE FROM casino_tallies WHERE count <= 0 OR (
    weight < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {WEIGHT_HALF_LIFE}, 300))
    AND trend < {_NEGLIGIBLE} * power(2, least(greatest(%s - as_of, 0) / {TREND_HALF_LIFE}, 300))
)
"""

# Weights as of one time, as logarithms: PostgreSQL raises an error for a float underflow.
_WEIGHT_NOW = f"ln(greatest(weight, {_TINY})) / ln(2) + as_of / {WEIGHT_HALF_LIFE}"
_TOO_MANY = f"SELECT attribute FROM casino_tallies GROUP BY attribute HAVING count(*) > {_MAX_STORED}"
_KEEP_HEAVIEST = f"""
DELETE FROM casino_tallies AS tally USING (
    SELECT value FROM casino_tallies WHERE attribute = %s ORDER BY {_WEIGHT_NOW} DESC, value OFFSET {MAX_VALUES}
) AS light WHERE tally.attribute = %s AND tally.value = light.value
"""

# Deletes the tallies of finished events, and of unknown events without a recent bet. A single join: with 500,000 events
# it takes a second instead of hours. Parameters: the time, twice; the earliest last bet of an unknown event to keep.
_PRUNE_EVENTS = f"""
WITH known AS MATERIALIZED (
    SELECT id::text AS value, end_timestamp > %s AS is_on FROM events
    UNION ALL
    SELECT concat_ws('{SEPARATOR}', sport, country, category, home_team, away_team), end_timestamp > %s FROM events
), by_value AS MATERIALIZED (SELECT value, bool_or(is_on) AS is_on FROM known GROUP BY value)
DELETE FROM casino_tallies AS pruned USING casino_tallies AS tally LEFT JOIN by_value USING (value)
WHERE pruned.attribute = 'event' AND tally.attribute = 'event' AND pruned.value = tally.value
  AND NOT COALESCE(by_value.is_on, tally.as_of >= %s)
"""


class SelectionLike(Protocol):
    """A selection of a coupon, of any class with these attributes."""

    @property
    def event_id(self) -> OwnId | None: ...
    @property
    def sport(self) -> str: ...
    @property
    def league(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def category(self) -> str: ...
    @property
    def home_team(self) -> str: ...
    @property
    def away_team(self) -> str: ...
    @property
    def odd(self) -> float | Decimal | None: ...
    @property
    def market(self) -> str | UnsetType: ...
    @property
    def line(self) -> str | UnsetType: ...
    @property
    def outcome(self) -> str | UnsetType: ...


class CasinoSums(msgspec.Struct, array_like=True):
    """Counts, weights and trends as of one time (Unix seconds). Selections of one event share one entry until `by_key`,
    because a batch has many selections per event. `bets`: the sums of selections that name an outcome."""

    as_of: float
    sums: dict[_SelectionKey, _Sums] = {}
    bets: dict[_BetKey, _Sums] = {}

    def __len__(self) -> int:
        return len(self.sums) + len(self.bets)

    @classmethod
    def of(cls, coupons: "Sequence[TimedSelections]", sign: int = 1) -> Self:
        """The sums of coupons as of the latest coupon's time; sign -1 makes them negative."""
        sums = cls(max((timestamp for timestamp, _ in coupons), default=0.0))
        entries: dict[int, list[_Sums]] = {}  # by id() of the selection: coupons share selections, and keep them alive
        for timestamp, selections in coupons:
            age = sums.as_of - timestamp
            weight, trend = sign * 2.0 ** (-age / WEIGHT_HALF_LIFE), sign * 2.0 ** (-age / TREND_HALF_LIFE)
            for each in selections:
                known = entries.get(id(each))
                if known is None:
                    known = entries[id(each)] = sums._entries_of(each)
                for entry in known:
                    entry[0] += sign
                    entry[1] += weight
                    entry[2] += trend
        return sums

    def _entries_of(self, each: SelectionLike) -> list[_Sums]:
        cached = each.__dict__ if isinstance(each, Selection) else {}
        key = cached.get("tallied_as") or cached.setdefault("tallied_as", _key_of(each))
        entries = [self.sums.setdefault(key, [0, 0.0, 0.0])]
        if each.market and each.outcome:
            bet = (each.sport, each.market, line_band(each.line or ""), each.outcome, key[-1])
            entries.append(self.bets.setdefault(bet, [0, 0.0, 0.0]))
        return entries

    def merge(self, other: "CasinoSums") -> None:
        """Add the sums of `other`."""
        as_of = max(self.as_of, other.as_of)
        self._move_to(as_of)
        other._move_to(as_of)
        for key, sums in other.sums.items():
            _add(self.sums, key, *sums)
        for bet, sums in other.bets.items():
            _add(self.bets, bet, *sums)

    def by_key(self) -> dict[_Key, _Sums]:
        """(attribute, value) -> count, weight and trend."""
        keyed: dict[_Key, _Sums] = {}
        for selection, sums in self.sums.items():
            for key in _keys_of(selection):
                _add(keyed, key, *sums)
        for bet, sums in self.bets.items():
            for key in zip(OUTCOME_ATTRIBUTES, _values_of(bet), strict=False):
                _add(keyed, key, *sums)
        return keyed

    def parts(self) -> "Iterator[CasinoSums]":
        """Split these sums into parts that are small enough to be stored."""
        entries, bets = iter(self.sums.items()), iter(self.bets.items())
        while part := CasinoSums(self.as_of, dict(islice(entries, _MAX_ENTRIES)), dict(islice(bets, _MAX_ENTRIES))):
            yield part

    @property
    def is_valid(self) -> bool:
        """Whether the numbers are within the bounds of stored sums."""
        entries = [*self.sums.values(), *self.bets.values()]
        return (
            max(len(self.sums), len(self.bets)) <= _MAX_ENTRIES
            and abs(self.as_of) <= _MAX_TIME
            and all(len(sums) == _NUMBERS for sums in entries)
            and all(-_MAX_NUMBER <= number <= _MAX_NUMBER for sums in entries for number in sums)  # false for NaN
        )

    def _move_to(self, as_of: float) -> None:
        age = as_of - self.as_of
        if not age:
            return
        self.as_of = as_of
        by_weight, by_trend = 2.0 ** (-age / WEIGHT_HALF_LIFE), 2.0 ** (-age / TREND_HALF_LIFE)
        for sums in (*self.sums.values(), *self.bets.values()):
            sums[1] *= by_weight
            sums[2] *= by_trend


def _key_of(each: SelectionLike) -> tuple[OwnId | None, str, str, str, str, str, int]:
    # float() first: comparing a Decimal takes ten times as long
    band = bisect_right(BAND_BOUNDS, float(each.odd)) if each.odd else _NO_BAND
    league = league_key(each.sport, each.country, each.league)
    match = match_of(each.sport, each.country, each.category, each.home_team, each.away_team)
    return (each.event_id, each.sport, league, each.country, *match, band)


def _add(sums: dict[Any, _Sums], key: Any, count: float, weight: float, trend: float) -> None:
    known = sums.setdefault(key, [0, 0.0, 0.0])
    known[0] += count
    known[1] += weight
    known[2] += trend


def _keys_of(selection: _SelectionKey) -> Iterator[_Key]:
    event_id, sport, league, country, home_team, away_team, band = selection
    yield "event", str(event_id) if event_id else f"{home_team}{SEPARATOR}{name_of(away_team)}"
    yield "sport", sport
    if name_of(league):  # an unknown value has no popularity
        yield "league", league
    if country:
        yield "country", country
    if name_of(away_team):  # else the event is one-sided
        yield "home_team", home_team
        yield "away_team", away_team
    if band != _NO_BAND:
        yield "odds_band", str(band)


def _values_of(bet: _BetKey) -> tuple[str, ...]:
    """The values of `OUTCOME_ATTRIBUTES`; a void bet has no odds band."""
    *names, odds_band = bet
    keys = keys_of_outcome(*names)
    return keys if odds_band == _NO_BAND else (*keys, key_of_odds_band(names[0], odds_band))


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(CasinoSums)
TimedSelections = tuple[float, Sequence[SelectionLike]]  # a coupon's timestamp (Unix seconds) and selections


def add_to_casino_tallies(coupons: Sequence[TimedSelections], *, sign: int = 1) -> None:
    """Add coupons to the casino's tallies; sign -1 subtracts them."""
    is_due = False
    for part in CasinoSums.of(coupons, sign).parts():
        packed = zlib.compress(_ENCODER.encode(part), 1)
        [(is_due,)] = casino_connection().query_prepared(_APPEND, [packed, MERGE_SECONDS])
    if is_due:
        try:
            merge_casino_sums()
        except DataError as error:  # tallies are derived data: they must not prevent storing a coupon
            logger.error("Tallies of %s were not merged: %s. Run `manage.py rebuild_profiles`.", current_alias(), error)


def lock_casino_tallies() -> None:
    """Prevent other transactions from merging until this one ends; they can still store coupons."""
    execute(_LOCK)


def merge_casino_sums() -> bool:
    """Merge the pending sums into the casino's tallies. Returns False if sums are left, or another transaction merges.

    Unreadable sums are deleted; a recount of the tallies includes their coupons.
    """
    with casino_atomic():
        [(is_mine,)] = query(_TRY_LOCK)
        return bool(is_mine) and _merge_pending()


def _merge_pending() -> bool:
    """Merge sums of up to some thousands of different selections. Returns False if sums are left."""
    done: list[int] = []
    total = CasinoSums(0.0)
    for sums_id, packed in _pending_sums():
        if len(total) >= _MAX_ENTRIES_PER_MERGE:
            has_more = True
            break
        done.append(sums_id)
        try:
            total.merge(_unpack(packed))
        except _UNREADABLE as error:
            text = "Tallies of %s lack the unreadable pending sums %d: %s. Run `manage.py rebuild_profiles`."
            logger.error(text, current_alias(), sums_id, error)
    else:
        has_more = False
    write_sums(total)
    drop_lightest()
    execute(_DELETE, [done])
    return not has_more


def _pending_sums() -> Iterator[tuple[int, bytes | None]]:
    last = -1
    while rows := query(_READ, [last]):
        yield from rows
        last = rows[-1][0]


# Errors of decoding damaged bytes.
_UNREADABLE = (zlib.error, msgspec.MsgspecError, RecursionError, ValueError)


def _unpack(packed: bytes | None) -> CasinoSums:
    """Raises one of `_UNREADABLE`."""
    unpacker = zlib.decompressobj()
    encoded = b"" if packed is None else unpacker.decompress(packed, _MAX_BYTES)
    if packed is None or not unpacker.eof:
        raise ValueError(f"incomplete, or more than {_MAX_BYTES} bytes")
    sums = _DECODER.decode(encoded)
    if not sums.is_valid:
        raise ValueError("numbers out of range")
    return sums


def write_sums(total: CasinoSums) -> None:
    """Add sums to the casino's tallies."""
    write_values(total.as_of, total.by_key())


def write_values(as_of: float, keyed: Mapping[_Key, Sequence[float]]) -> None:
    """Add (attribute, value) -> count, weight and trend, as of a time in Unix seconds, to the casino's tallies."""
    rows = [
        {
            "attribute": attribute,
            "value": value,
            "count": int(count),
            "weight": _zero_if_tiny(weight),
            "trend": _zero_if_tiny(trend),
        }
        for (attribute, value), (count, weight, trend) in keyed.items()
        if "\0" not in value and len(value.encode()) <= _MAX_KEY_BYTES
    ]
    if rows:
        execute(_ADD, [as_of, as_json(rows)])


def drop_lightest() -> None:
    """Delete the lightest values of attributes with too many values: one casino's new names must not fill the memory of
    each process with trends."""
    for (attribute,) in query(_TOO_MANY):
        execute(_KEEP_HEAVIEST, [attribute] * 2)


def _zero_if_tiny(number: float) -> float:
    """0 instead of a tiny number, whose products may underflow: PostgreSQL raises an error for that."""
    return number if abs(number) > _TINY else 0.0


def prune_casino_tallies(now: datetime) -> bool:
    """Merge the casino's tallies, then delete negligible ones: values without bets for months, and finished or unknown
    events. Returns False, without deleting, if `merge_casino_sums` must be called again first."""
    with casino_atomic():
        if not merge_casino_sums():
            return False
        execute(_PRUNE, [now.timestamp()] * 2)
        execute(_PRUNE_EVENTS, [now, now, now.timestamp() - _UNKNOWN_EVENT_SECONDS])
    return True

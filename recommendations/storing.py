"""Storing functions: validated rows into the current casino's database, in bulk, each row's effect once.

Each takes rows of one kind and answers an Outcome for each of them, in their order. One call is one transaction; the
rows go in sorted by key, so that two calls at once can't lock each other out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from tenants.connections import casino_atomic, casino_connection

from . import statements
from .rows import CouponRow, EventRow, UserRow
from .statements import Upsert

Row = UserRow | EventRow | CouponRow


class Result(StrEnum):
    STORED = "stored"
    UPDATED = "updated"
    DUPLICATE = "duplicate"
    ID_TAKEN = "id_taken"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row, and under which id it was written (None for one that was not).

    A duplicate is there already. An id that is taken was handed out to a row that came without one, which is never
    overwritten.
    """

    result: Result
    id: int | None = None


_DUPLICATE = Outcome(Result.DUPLICATE)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def store_users(rows: Sequence[UserRow]) -> list[Outcome]:
    """Store users, and a profile for each that has none. Of several rows of one user the last counts."""
    with casino_atomic():
        outcomes = _store(rows, statements.USERS)
        _execute(statements.PROFILES, _written(outcomes))
    return outcomes


def store_teams(teams: Iterable[tuple[str, str]]) -> None:
    """Store teams, given as (name, sport); those known already stay as they are."""
    rows = [{"name": name, "sport": sport} for name, sport in sorted(set(teams))]
    with casino_atomic():
        _execute(statements.TEAMS, _json(rows))


def store_events(rows: Sequence[EventRow]) -> list[Outcome]:
    """Store events, their teams, and the links between the two. Of several rows of one event the last counts."""
    with casino_atomic():
        outcomes = _store(rows, statements.EVENTS)
        changed = _written(outcomes)
        if changed:
            store_teams((team, row.sport) for row in rows for team in (row.home_team, row.away_team))
            _execute(statements.UNLINK_TEAMS, changed)
            _execute(statements.LINK_TEAMS, changed)
    return outcomes


def store_coupons(rows: Sequence[CouponRow]) -> list[Outcome]:
    """Store coupons, and count each new one in its user's profile.

    The user may still be unknown: the coupon is kept and counted under its `user_id` all the same. A coupon is final:
    a later one of the same key is a duplicate, whatever it says.
    """
    with casino_atomic():
        outcomes = _store(rows, statements.COUPONS)
        _execute(statements.COUNT_PURCHASES, _written(outcomes))
    return outcomes


def _store(rows: Sequence[Row], upsert: Upsert) -> list[Outcome]:
    chosen = _one_row_a_key(rows, keep_first=upsert.is_final)
    written = {
        **_write(upsert, "id", [rows[place] for place in chosen.values() if rows[place].id is not None]),
        **_write(upsert, "natural_key", [rows[place] for place in chosen.values() if rows[place].id is None]),
    }
    return [
        written.get(_key(row), _DUPLICATE) if chosen[_key(row)] == place else _DUPLICATE
        for place, row in enumerate(rows)
    ]


def _write(upsert: Upsert, key: str, rows: list[Row]) -> dict[int | UUID, Outcome]:
    if not rows:
        return {}
    if key == "id":
        highest = max(row.id for row in rows if row.id is not None)
        _execute(upsert.reserve_ids, highest, highest)
    written = _query(upsert.sql(key), _json([_as_json(row) for row in rows]))
    outcomes = {key: Outcome(Result.STORED if is_new else Result.UPDATED, row_id) for key, row_id, is_new in written}
    if key == "id" and len(outcomes) < len(rows):
        left_out = [row.id for row in rows if row.id not in outcomes]
        outcomes |= {row_id: Outcome(Result.ID_TAKEN) for (row_id,) in _query(upsert.taken_ids, left_out)}
    return outcomes


def _key(row: Row) -> int | UUID:
    return row.id if row.id is not None else row.natural_key


def _one_row_a_key(rows: Sequence[Row], *, keep_first: bool) -> dict[int | UUID, int]:
    """The place of the one row of each key that counts."""
    places = range(len(rows))
    return {_key(rows[place]): place for place in (reversed(places) if keep_first else places)}


def _as_json(row: Row) -> dict[str, Any]:
    natural_key = row.natural_key if row.id is None else None
    return {field.name: getattr(row, field.name) for field in fields(row)} | {"natural_key": natural_key}


def _written(outcomes: list[Outcome]) -> list[int]:
    return sorted(outcome.id for outcome in outcomes if outcome.id is not None)


def _json(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def _query(sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def _execute(sql: str, *parameters: Any) -> None:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)

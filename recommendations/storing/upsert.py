"""How rows of one kind go into their table: one round trip for any number of rows.

Rows travel as one JSON array, which `jsonb_to_recordset` turns into a table: measured at 0.75 of a raw COPY of a batch,
without the temporary table that COPY needs to be able to skip what is there. Django's
`bulk_create(update_conflicts=True)` reaches 0.11.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from recommendations.rows import Removal, Row

from .outcomes import Outcome, Result
from .sql import as_json, execute, query

Key = int | UUID
Remove = Callable[[Sequence[Removal]], dict[Key, Outcome]]
Explain = Callable[[Sequence[Any]], dict[Key, Outcome]]

DUPLICATE, STALE, ID_TAKEN = Outcome(Result.DUPLICATE), Outcome(Result.STALE), Outcome(Result.ID_TAKEN)


@dataclass(frozen=True, slots=True)
class Upsert:
    """`columns` maps column to SQL type, as pairs.

    Where `is_final`, a row of a known key is left alone; else it is brought up to date, unless nothing differs or what
    is there is of a later time. `source` joins further conditions to the incoming rows (named `row`), `then` is the
    rest of a statement that may use the rows written (named `written`).
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    is_final: bool = False
    source: str = ""
    then: str = ""

    def sql(self, key: str, left_open: tuple[str, ...] = ()) -> str:
        """Insert rows by `key` (`id` or `natural_key`), without the columns `left_open`. Parameter: the rows as JSON.
        Answers (key, id, is_new) of each row that was written; a row that was left alone is missing."""
        types = {"id": "bigint", "natural_key": "uuid", **dict(self.columns)}
        columns = [column for column in types if (key == "id" or column != "id") and column not in left_open]
        names, values = ", ".join(columns), ", ".join(f"row.{column}" for column in columns)
        record = ", ".join(f"{column} {types[column]}" for column in columns)
        return (
            f"WITH written AS (INSERT INTO {self.table} ({names}) "
            f"SELECT {values} FROM jsonb_to_recordset(%s::jsonb) AS row({record}) {self.source} "
            f"{self._unless_removed(key)} ORDER BY row.{key} "
            f"ON CONFLICT ({key}) DO {self._on_conflict(columns)} "
            f"RETURNING {self.table}.*, xmax = 0 AS is_new){self.then} "  # xmax is 0 where no earlier version preceded
            f"SELECT {key}, id, is_new FROM written"
        )

    def _unless_removed(self, key: str) -> str:
        if key != "id":
            return ""
        is_later = "" if self.is_final else "AND (row.timestamp IS NULL OR removed.timestamp >= row.timestamp)"
        return (
            f"WHERE NOT EXISTS (SELECT FROM removed_rows AS removed "
            f"WHERE removed.kind = '{self.table}' AND removed.row_id = row.id {is_later})"
        )

    def _on_conflict(self, columns: list[str]) -> str:
        if self.is_final:
            return "NOTHING"
        changing = [column for column in columns if column not in {"id", "natural_key"}]
        incoming = {column: f"excluded.{column}" for column in changing}
        incoming["timestamp"] = f"COALESCE(excluded.timestamp, {self.table}.timestamp)"
        changes = ", ".join(f"{column} = {value}" for column, value in incoming.items())
        present = ", ".join(f"{self.table}.{column}" for column in incoming)
        return (
            f"UPDATE SET {changes} WHERE {self.table}.natural_key IS NOT DISTINCT FROM excluded.natural_key "
            f"AND COALESCE({self.table}.timestamp <= excluded.timestamp, true) "
            f"AND ({present}) IS DISTINCT FROM ({', '.join(incoming.values())})"
        )

    @property
    def reserve_ids(self) -> str:
        """Keep the ids that PostgreSQL hands out above those that the casino chose. Parameter, twice: the highest.

        Two that reserve at once wait for each other, or the lower number might win.
        """
        sequence = f"{self.table}_id_seq"
        return (
            f"SELECT pg_advisory_xact_lock('{self.table}'::regclass::oid::bigint) "
            f"FROM {sequence} WHERE last_value <= %s; "
            f"SELECT setval('{sequence}', %s) FROM {sequence} WHERE last_value <= %s"
        )


@cache
def _statement(upsert: Upsert, key: str, left_open: tuple[str, ...]) -> str:
    return upsert.sql(key, left_open)


def write(upsert: Upsert, rows: Sequence[Row], *, optional: str | None = None) -> dict[Key, Outcome]:
    """Write rows, no two of one key, and answer the outcome of each that was written, by key."""
    groups: dict[tuple[str, tuple[str, ...]], list[Row]] = {}
    for row in rows:
        left_open: tuple[str, ...] = (optional,) if optional is not None and getattr(row, optional) is None else ()
        groups.setdefault(("natural_key" if row.id is None else "id", left_open), []).append(row)
    outcomes: dict[Key, Outcome] = {}
    for (key, left_open), group in groups.items():
        if key == "id":
            reserve_ids(upsert, group)
        for row_key, row_id, is_new in query(_statement(upsert, key, left_open), [as_json(group)]):
            outcomes[row_key] = Outcome(Result.STORED if is_new else Result.UPDATED, row_id)
    return outcomes


def reserve_ids(upsert: Upsert, rows: Sequence[Row]) -> None:
    highest = max((row.id for row in rows if row.id is not None), default=None)
    if highest is not None:
        execute(upsert.reserve_ids, [highest, highest, highest])


def explain_unwritten(upsert: Upsert, rows: Sequence[Row]) -> dict[Key, Outcome]:
    """Why each of these rows, which `write` left alone, was."""
    return _explain_by_id(upsert, [row for row in rows if row.id is not None]) | _explain_by_natural_key(
        upsert, [row for row in rows if row.id is None]
    )


def _explain_by_id(upsert: Upsert, rows: list[Row]) -> dict[Key, Outcome]:
    if not rows:
        return {}
    timestamp = "NULL" if upsert.is_final else "timestamp"
    sql = f"SELECT id, natural_key IS NOT NULL, {timestamp} FROM {upsert.table} WHERE id = ANY(%s)"
    known = {row_id: (is_taken, timestamp) for row_id, is_taken, timestamp in query(sql, [[row.id for row in rows]])}
    outcomes: dict[Key, Outcome] = {}
    for row in rows:
        is_taken, timestamp = known.get(row.id, (False, None))
        is_overtaken = row.id not in known or _is_before(row, timestamp)
        outcomes[key_of(row)] = ID_TAKEN if is_taken else STALE if is_overtaken else DUPLICATE
    return outcomes


def _explain_by_natural_key(upsert: Upsert, rows: list[Row]) -> dict[Key, Outcome]:
    if not rows or upsert.is_final:
        return {key_of(row): DUPLICATE for row in rows}
    sql = f"SELECT natural_key, timestamp FROM {upsert.table} WHERE natural_key = ANY(%s)"
    known = dict(query(sql, [[row.natural_key for row in rows]]))
    return {key_of(row): STALE if _is_before(row, known.get(row.natural_key)) else DUPLICATE for row in rows}


def _is_before(row: Row, timestamp: datetime | None) -> bool:
    """Whether what is there is of a later time."""
    return row.timestamp is not None and timestamp is not None and row.timestamp < timestamp


def key_of(row: Row | Removal) -> Key:
    """What tells the row from others: an id, or else a natural key, which only a row without an id has."""
    return row.id or row.natural_key  # type: ignore[union-attr, return-value]


def store_rows(
    rows: Sequence[Row | Removal],
    upsert: Upsert,
    remove: Remove,
    *,
    optional: str | None = None,
    explain: Explain | None = None,
) -> list[Outcome]:
    """Write the rows and do the removals, of each key the one that counts; the others are duplicates.

    `explain` says what became of the rows that were left alone. It may still write them.
    """
    chosen = _one_row_a_key(rows, upsert.is_final)
    counting = [rows[place] for place in chosen.values()]
    incoming = [row for row in counting if not isinstance(row, Removal)]
    outcomes = write(upsert, incoming, optional=optional)
    if len(outcomes) < len(incoming):
        explain = explain or partial(explain_unwritten, upsert)
        outcomes |= explain([row for row in incoming if key_of(row) not in outcomes])
    removals = [row for row in counting if isinstance(row, Removal)]
    if removals:
        outcomes |= remove(removals)
    return [outcomes[key_of(row)] if chosen[key_of(row)] == place else DUPLICATE for place, row in enumerate(rows)]


def _one_row_a_key(rows: Sequence[Row | Removal], is_final: bool) -> dict[Key, int]:
    """The place of the one row of each key that counts."""
    places: dict[Key, int] = {}
    for place, row in enumerate(rows):
        key = key_of(row)
        if key not in places or _counts_more(row, rows[places[key]], is_final):
            places[key] = place
    return places


def _counts_more(row: Row | Removal, earlier: Row | Removal, is_final: bool) -> bool:
    if is_final:
        return isinstance(row, Removal)
    return row.timestamp is None or earlier.timestamp is None or row.timestamp >= earlier.timestamp


def written_ids(outcomes: Iterable[Outcome]) -> list[int]:
    return sorted(outcome.id for outcome in outcomes if outcome.id is not None)

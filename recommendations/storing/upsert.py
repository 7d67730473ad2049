"""How rows of one kind go into their table: one round trip for any number of rows.

Rows travel as one JSON array, which `jsonb_to_recordset` turns into a table: measured at 0.75 of a raw COPY of a batch,
without the temporary table that COPY needs to be able to skip what is there. Django's
`bulk_create(update_conflicts=True)` reaches 0.11.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

from recommendations.validation.rows import ChangingRow, Removal, Row

from .outcomes import DUPLICATE, ID_TAKEN, STALE, Outcome, Result
from .sql import as_json, execute, query

Key = int | UUID
Remove = Callable[[Sequence[Removal]], dict[Key, Outcome]]

_UNLESS_ERASED = (
    "WHERE NOT EXISTS (SELECT FROM erased_users AS erased "
    "WHERE erased.natural_key = row.natural_key AND erased.erased_at >= row.timestamp)"
)


@dataclass(frozen=True, slots=True)
class Upsert:
    """`columns` maps column to SQL type, as pairs.

    A row of a known key is brought up to date, unless nothing differs or what is there is of a later time.
    """

    table: str
    columns: tuple[tuple[str, str], ...]

    def sql(self, key: str, unset_columns: tuple[str, ...] = ()) -> str:
        """Insert rows by `key` (`id` or `natural_key`), without the columns `unset_columns`. Parameter: the rows as JSON.
        Answers (key, id, is_new) of each row that was written; a row that was left alone is missing."""
        types = {"id": "bigint", "natural_key": "uuid", **dict(self.columns)}
        columns = [column for column in types if (key == "id" or column != "id") and column not in unset_columns]
        names, values = ", ".join(columns), ", ".join(f"row.{column}" for column in columns)
        record = ", ".join(f"{column} {types[column]}" for column in columns)
        return (
            f"INSERT INTO {self.table} ({names}) "
            f"SELECT {values} FROM jsonb_to_recordset(%s::jsonb) AS row({record}) "
            f"{self._unless_removed(key)} ORDER BY row.{key} "
            f"ON CONFLICT ({key}) DO {self._on_conflict(columns)} "
            f"RETURNING {key}, id, xmax = 0"  # xmax is 0 in a row that no earlier version preceded
        )

    def _unless_removed(self, key: str) -> str:
        if key != "id":
            return _UNLESS_ERASED if self.table == "users" else ""
        return (
            f"WHERE NOT EXISTS (SELECT FROM removed_rows AS removed "
            f"WHERE removed.kind = '{self.table}' AND removed.row_id = row.id "
            f"AND (row.timestamp IS NULL OR removed.timestamp >= row.timestamp))"
        )

    def _on_conflict(self, columns: list[str]) -> str:
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


@cache
def _statement(upsert: Upsert, key: str, unset_columns: tuple[str, ...]) -> str:
    return upsert.sql(key, unset_columns)


def write(upsert: Upsert, rows: Sequence[ChangingRow]) -> dict[Key, Outcome]:
    """Write rows, no two of one key, and answer the outcome of each that was written, by key."""
    groups: dict[tuple[str, tuple[str, ...]], list[ChangingRow]] = {}
    for row in rows:
        groups.setdefault(("natural_key" if row.id is None else "id", row.unset_columns), []).append(row)
    outcomes: dict[Key, Outcome] = {}
    for (key, unset_columns), group in groups.items():
        if key == "id":
            reserve_ids(upsert.table, group)
        for row_key, row_id, is_new in query(_statement(upsert, key, unset_columns), [as_json(group)]):
            outcomes[row_key] = Outcome(Result.STORED if is_new else Result.UPDATED, row_id)
    return outcomes


def reserve_ids(table: str, rows: Sequence[Row]) -> None:
    """Keep the ids that PostgreSQL hands out above those that the casino chose.

    Two that reserve at once wait for each other, or the lower number might win.
    """
    highest = max((row.id for row in rows if row.id is not None), default=None)
    if highest is not None:
        lock = f"pg_advisory_xact_lock('{table}'::regclass::oid::bigint)"
        raise_to = f"setval('{table}_id_seq', %s)"
        behind = f"FROM {table}_id_seq WHERE last_value <= %s"
        execute(f"SELECT {lock} {behind}; SELECT {raise_to} {behind}", [highest, highest, highest])


def explain_unwritten(upsert: Upsert, rows: Sequence[ChangingRow]) -> dict[Key, Outcome]:
    """Why each of these rows, which `write` left alone, was."""
    return _explain_by_id(upsert, [row for row in rows if row.id is not None]) | _explain_by_natural_key(
        upsert, [row for row in rows if row.id is None]
    )


def _explain_by_id(upsert: Upsert, rows: list[ChangingRow]) -> dict[Key, Outcome]:
    if not rows:
        return {}
    sql = f"SELECT id, natural_key IS NOT NULL, timestamp FROM {upsert.table} WHERE id = ANY(%s)"
    known = {row_id: (is_taken, timestamp) for row_id, is_taken, timestamp in query(sql, [[row.id for row in rows]])}
    outcomes: dict[Key, Outcome] = {}
    for row in rows:
        is_taken, timestamp = known.get(row.id, (False, None))
        is_overtaken = row.id not in known or _is_before(row, timestamp)
        outcomes[key_of(row)] = ID_TAKEN if is_taken else STALE if is_overtaken else DUPLICATE
    return outcomes


def _explain_by_natural_key(upsert: Upsert, rows: list[ChangingRow]) -> dict[Key, Outcome]:
    if not rows:
        return {}
    sql = f"SELECT natural_key, timestamp FROM {upsert.table} WHERE natural_key = ANY(%s)"
    known = dict(query(sql, [[row.natural_key for row in rows]]))
    return {key_of(row): _explain_natural(row, known) for row in rows}


def _explain_natural(row: ChangingRow, known: dict[UUID, datetime | None]) -> Outcome:
    """Who is not there was erased."""
    if row.natural_key not in known or _is_before(row, known[row.natural_key]):
        return STALE
    return DUPLICATE


def _is_before(row: ChangingRow, timestamp: datetime | None) -> bool:
    """Whether what is there is of a later time."""
    return row.timestamp is not None and timestamp is not None and row.timestamp < timestamp


def key_of(row: Row | Removal) -> Key:
    """What tells the row from others: an id, or else a natural key, which only a row without an id has."""
    return row.id or row.natural_key  # type: ignore[union-attr, return-value]


def store_rows(rows: Sequence[Row | Removal], upsert: Upsert, remove: Remove) -> list[Outcome]:
    """Write the rows and do the removals, no two of one key."""
    incoming = [row for row in rows if isinstance(row, ChangingRow)]
    outcomes = write(upsert, incoming)
    if len(outcomes) < len(incoming):
        outcomes |= explain_unwritten(upsert, [row for row in incoming if key_of(row) not in outcomes])
    if removals := [row for row in rows if isinstance(row, Removal)]:
        outcomes |= remove(removals)
    return [outcomes[key_of(row)] for row in rows]


def written_ids(outcomes: Iterable[Outcome]) -> list[int]:
    return sorted(outcome.id for outcome in outcomes if outcome.id is not None)

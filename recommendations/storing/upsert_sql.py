"""The SQL that upserts rows of one table. It decides which of two messages' values are stored.

A row has the values of its latest message. Columns that a message may leave out, such as the status, are `Timed`: they
have a time of their own, and the values of the latest message that sent them. A message without a status, such as one
with an odd or an address, therefore never makes stale a status that was sent before it and arrives after it.

A complete message inserts a row or updates it (`Upsert.sql`); a partial one updates a stored row (`Upsert.update_sql`).
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from recommendations.validation.fields import EARLIEST

# SQL: the time of a value that no message has sent, before any message.
_NEVER = f"timestamptz '{EARLIEST.isoformat()}'"

# A stored time later than this is not trusted. A message is not later than its receipt, but messages stored by earlier
# releases may be dated a day ahead. The minute allows for clocks that differ.
LATEST_TRUSTED = "now() + interval '1 minute'"

_UNLESS_ERASED = (
    "WHERE NOT EXISTS (SELECT FROM erased_users AS erased "
    "WHERE erased.natural_key = ANY(row.natural_key || row.former_keys) AND erased.erased_at >= row.timestamp)"
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Columns of one subject, with the time of the latest message that sent any of them in `<first>_as_of`.

    At equal times the stricter values win: `is_stricter` is SQL that compares those of the rows `{new}` and `{old}`; it
    is never null. `valid_if`: SQL with the new values of columns, as `{birth_year}`; if false, null is stored.
    `following`: other columns, with SQL for their values if a message has the first column but not them.
    `false_restricts`: the restrictive value is false, not true.
    """

    columns: tuple[str, ...]
    is_stricter: str
    valid_if: str = ""
    following: tuple[tuple[str, str], ...] = ()
    false_restricts: bool = False

    @property
    def as_of(self) -> str:
        return f"{self.columns[0]}_as_of"

    def is_in(self, columns: Collection[str]) -> bool:
        return any(column in columns for column in self.columns)


@dataclass(frozen=True, slots=True)
class _Change:
    """Stores `values` (column -> SQL) where `condition` is true."""

    condition: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Upsert:
    """`columns`: pairs of name and SQL type. A stored row with the same key is updated if a value differs.

    `valid_if`: SQL with the new values of columns, as `{odd}`; a partial message that makes it false contradicts the
    stored row. `unknown`: columns with SQL for their unknown value, which also a message older than the row replaces.
    `highest`: columns whose highest value wins at equal times. `renaming`: fields of changes that are not columns:
    name, SQL type, the column that they change, and SQL for its value.
    """

    table: str
    columns: tuple[tuple[str, str], ...]
    timed: tuple[Timed, ...] = ()
    valid_if: str = "true"
    unknown: tuple[tuple[str, str], ...] = ()
    highest: tuple[str, ...] = ()
    renaming: tuple[tuple[str, str, str, str], ...] = ()

    def sql(self, key: str, unset_columns: tuple[str, ...] = ()) -> str:
        """SQL that upserts rows by `key` (`id` or `natural_key`), without `unset_columns`. Parameter: the rows as JSON.
        Returns (key, id, is_new) for each written row only."""
        left_out = {*unset_columns, *(name for name, *_ in self.renaming), *(() if key == "id" else ("id",))}
        columns = [each for each in self._types if each not in left_out]
        values = {column: f"row.{column}" for column in columns}
        for each in self.timed:
            values[each.as_of] = f"COALESCE(row.timestamp, {_NEVER})" if each.is_in(columns) else _NEVER
        changes = self._changes(columns, "excluded")
        return (
            f"INSERT INTO {self.table} ({', '.join(values)}) "
            f"SELECT {', '.join(values.values())} FROM {self._record(columns, self._extra)} "
            f"{self._not_removed_condition(key)} ORDER BY row.{key} "
            f"ON CONFLICT ({key}) DO UPDATE SET {self._assignments(changes)} "
            f"WHERE {self.table}.natural_key IS NOT DISTINCT FROM excluded.natural_key AND {self._effects(changes)} "
            f"RETURNING {key}, id, xmax = 0"  # xmax is 0 in a row that no earlier version preceded
        )

    def update_sql(self, key: str, unset_columns: tuple[str, ...]) -> str:
        """SQL that updates stored rows by `key`, without `unset_columns`. Parameter: the rows as JSON. Returns (key,
        id) for each updated row only."""
        columns, table = self._sent(key, unset_columns), self.table
        changes = self._changes(columns, "row")
        return (
            f"UPDATE {table} SET {self._assignments(changes)} FROM {self._record(columns)} "
            f"WHERE {self._is_stored_as(key)} AND {self._effects(changes)} RETURNING {table}.{key}, {table}.id"
        )

    def restrict_sql(self, key: str, unset_columns: tuple[str, ...]) -> str:
        """SQL that updates stored rows by `key` where the given rows are stricter; only `timed` columns. Parameter: the
        rows as JSON. It may run repeatedly, before or after the messages themselves are stored: it never makes a row
        less strict, and the final rows are the same."""
        columns, table = self._sent(key, unset_columns), self.table
        changes = [change for each in self.timed if each.is_in(columns) for change in self._stricter(each, columns)]
        return (
            f"UPDATE {table} SET {self._assignments(changes)} FROM {self._record(columns)} "
            f"WHERE {self._is_stored_as(key)} AND {self._effects(changes)}"
        )

    def unknown_row_sql(self, key: str) -> str:
        """SQL that inserts rows of which only `key` is known, older than any message. Parameter: their first changes as
        JSON. Returns (key, id) for each inserted row; stored and removed rows are skipped."""
        times = [f"{each.as_of}" for each in self.timed]
        columns = ", ".join([key, "timestamp", *times])
        values = ", ".join([f"row.{key}", *[_NEVER] * (1 + len(times))])
        return (
            f"INSERT INTO {self.table} ({columns}) "
            f"SELECT {values} FROM {self._record(['id', 'natural_key', 'timestamp'], self._extra)} "
            f"{self._not_removed_condition(key)} ORDER BY row.{key} ON CONFLICT ({key}) DO NOTHING RETURNING {key}, id"
        )

    def contradictions_sql(self, key: str, unset_columns: tuple[str, ...]) -> str:
        """SQL that returns the keys of the rows that contradict the stored rows. Parameter: the rows as JSON."""
        columns = self._sent(key, unset_columns)
        is_valid = self.valid_if.format(**self._stored() | self._new_values(self._changes(columns, "row")))
        return (
            f"SELECT row.{key} FROM {self.table}, {self._record(columns)} "
            f"WHERE {self._is_stored_as(key)} AND NOT ({is_valid})"
        )

    @property
    def _extra(self) -> str:
        """The fields of a row besides its columns."""
        return ", former_keys uuid[]" if self.table == "users" else ""

    @property
    def _types(self) -> dict[str, str]:
        renaming = {name: sql_type for name, sql_type, *_ in self.renaming}
        return {"id": "bigint", "natural_key": "uuid", **dict(self.columns), **renaming}

    def _sent(self, key: str, unset_columns: tuple[str, ...]) -> list[str]:
        named = [*(column for column, _ in self.columns), *(name for name, *_ in self.renaming)]
        return [key, *(name for name in named if name not in unset_columns)]

    def _record(self, columns: list[str], extra: str = "") -> str:
        record = ", ".join(f"{column} {self._types[column]}" for column in columns) + extra
        return f"jsonb_to_recordset(%s::jsonb) AS row({record})"

    def _is_stored_as(self, key: str) -> str:
        """SQL that matches rows by key. A casino's id never matches a row that the casino sent without one."""
        own = f" AND {self.table}.natural_key IS NULL" if key == "id" else ""
        return f"{self.table}.{key} = row.{key}{own}"

    def _not_removed_condition(self, key: str) -> str:
        if key != "id":
            return _UNLESS_ERASED if self.table == "users" else ""
        return (
            f"WHERE NOT EXISTS (SELECT FROM removed_rows AS removed "
            f"WHERE removed.kind = '{self.table}' AND removed.row_id = row.id "
            f"AND (row.timestamp IS NULL OR removed.timestamp >= row.timestamp))"
        )

    def _changes(self, columns: list[str], new: str) -> list[_Change]:
        """The assignments with which the row `new` (`excluded` or `row`), with these columns, changes the stored
        row."""
        timed = [self._timed_change(each, columns, new) for each in self.timed if each.is_in(columns)]
        timed_columns = {column for each in self.timed for column in each.columns}
        rest = [each for each in columns if each not in {"id", "natural_key", "timestamp"} | timed_columns]
        if not rest:
            return timed
        change = self._row_change(rest, new)
        return [change, *self._filling(change, rest, new), *timed]

    def _assignments(self, changes: list[_Change]) -> str:
        return ", ".join(f"{column} = {value}" for column, value in self._new_values(changes).items())

    def _effects(self, changes: list[_Change]) -> str:
        return f"({' OR '.join(self._has_effect(change) for change in changes) or 'false'})"

    def _row_change(self, columns: list[str], new: str) -> _Change:
        """The assignments of columns without a time of their own, by the row's time. Without a timestamp the row
        wins."""
        stored = f"{self.table}.timestamp"
        values = {column: f"{new}.{column}" for column in columns}
        for column in self.highest:
            if column in values:
                highest = f"GREATEST({new}.{column}, {self.table}.{column})"
                values[column] = f"CASE WHEN {stored} = {new}.timestamp THEN {highest} ELSE {new}.{column} END"
        for name, _, column, sql in self.renaming:
            if values.pop(name, None) is not None:
                values.setdefault(column, sql.format(new=new, old=self.table))
        values["timestamp"] = f"COALESCE({new}.timestamp, {stored})"
        return _Change(f"COALESCE({stored} <= {new}.timestamp OR {stored} > {LATEST_TRUSTED}, true)", values)

    def _filling(self, change: _Change, columns: list[str], new: str) -> Iterator[_Change]:
        """The assignments that replace unknown values from a message that is older than the row."""
        unknown = {
            column: f"{self.table}.{column} IS NOT DISTINCT FROM {value}"
            for column, value in self.unknown
            if column in columns
        }
        if unknown:
            values = {
                column: f"CASE WHEN {is_unknown} THEN {new}.{column} ELSE {self.table}.{column} END"
                for column, is_unknown in unknown.items()
            }
            yield _Change(f"NOT ({change.condition}) AND ({' OR '.join(unknown.values())})", values)

    def _timed_change(self, timed: Timed, columns: list[str], new: str) -> _Change:
        stored = f"COALESCE({self.table}.{timed.as_of}, {self.table}.timestamp)"
        is_stricter = timed.is_stricter.format(new=new, old=self.table)
        condition = (
            f"COALESCE({stored} < {new}.timestamp "
            f"OR ({stored} = {new}.timestamp OR {stored} > {LATEST_TRUSTED}) AND {is_stricter}, true)"
        )
        values = {column: f"{new}.{column}" for column in timed.columns if column in columns}
        if timed.columns[0] in values:
            for column, sql in timed.following:
                values.setdefault(column, sql.format(new=new, old=self.table))
        return _Change(condition, values | {timed.as_of: f"COALESCE({new}.timestamp, {self._time_of(timed)})"})

    def _stricter(self, timed: Timed, columns: list[str]) -> Iterator[_Change]:
        """The assignments of stricter values. Where the stored values are stricter, their time becomes a moment before
        the row: an older message must not replace them meanwhile, but the row must when it is stored in its turn."""
        stored, before = self._time_of(timed), "(row.timestamp - interval '1 microsecond')"
        is_stricter = timed.is_stricter.format(new="row", old=self.table)
        values = {column: f"row.{column}" for column in timed.columns if column in columns}
        is_later = f"({stored} <= row.timestamp OR {stored} > {LATEST_TRUSTED})"
        yield _Change(f"{is_later} AND {is_stricter}", values | {timed.as_of: "row.timestamp"})
        yield _Change(f"{stored} < {before} AND NOT {is_stricter}", {timed.as_of: before})

    def _time_of(self, timed: Timed) -> str:
        """SQL: the stored time of these columns; null, in a row of an earlier release, means the row's time."""
        return f"COALESCE({self.table}.{timed.as_of}, {self.table}.timestamp, {_NEVER})"

    def _stored(self) -> dict[str, str]:
        return {column: f"{self.table}.{column}" for column in self._types}

    def _new_values(self, changes: list[_Change]) -> dict[str, str]:
        new = {each.as_of: self._time_of(each) for each in self.timed}  # keeps them when the row's time changes
        for change in changes:
            for column, value in change.values.items():
                kept = new.get(column, f"{self.table}.{column}")
                new[column] = f"CASE WHEN {change.condition} THEN {value} ELSE {kept} END"
        for each in self.timed:
            if each.valid_if:
                values = self._stored() | new
                is_valid = each.valid_if.format(**values)
                new |= {column: f"CASE WHEN {is_valid} THEN {values[column]} END" for column in each.columns}
        return new

    def _has_effect(self, change: _Change) -> str:
        times = {each.as_of: self._time_of(each) for each in self.timed}
        stored = ", ".join(times.get(column, f"{self.table}.{column}") for column in change.values)
        return f"{change.condition} AND ({stored}) IS DISTINCT FROM ({', '.join(change.values.values())})"

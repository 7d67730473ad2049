"""The SQL that upserts rows of one table: which of two messages' values are stored.

A row's values are those of its latest message. Columns that a message may leave out, as a status, are `Timed`: they
have a time of their own, and are those of the latest message that sent them. So a message without a status, an odd's or
an address's, never makes a status stale that was sent before it and arrives after it.
"""

from dataclasses import dataclass

from recommendations.validation.fields import EARLIEST

# SQL of the time of a value that no message sent: before any message.
_NEVER = f"timestamptz '{EARLIEST.isoformat()}'"

# A stored time later than this is not trusted. Messages count as sent at their receipt at the latest, but those stored
# by earlier releases may be dated a day ahead. The minute is for clocks that differ.
LATEST_TRUSTED = "now() + interval '1 minute'"

_UNLESS_ERASED = (
    "WHERE NOT EXISTS (SELECT FROM erased_users AS erased "
    "WHERE erased.natural_key = ANY(row.natural_key || row.former_keys) AND erased.erased_at >= row.timestamp)"
)


@dataclass(frozen=True, slots=True)
class Timed:
    """Columns that are sent together or not at all, with the time of the message that sent them in `<first>_as_of`.

    At equal times, the stricter values win: `is_stricter` is SQL that compares those of the rows `{new}` and `{old}`,
    and is never null. `valid_if` is SQL with the new values of columns, as `{birth_year}`: else null is stored.
    """

    columns: tuple[str, ...]
    is_stricter: str
    valid_if: str = ""

    @property
    def as_of(self) -> str:
        return f"{self.columns[0]}_as_of"


@dataclass(frozen=True, slots=True)
class _Change:
    """`values`, SQL by column, are stored where `condition` is true."""

    condition: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class Upsert:
    """`columns` are pairs of name and SQL type. A stored row of the same key is updated where something differs."""

    table: str
    columns: tuple[tuple[str, str], ...]
    timed: tuple[Timed, ...] = ()

    def sql(self, key: str, unset_columns: tuple[str, ...] = ()) -> str:
        """SQL that upserts rows by `key` (`id` or `natural_key`), without `unset_columns`. Parameter: the rows as JSON.
        Returns (key, id, is_new) for each written row, and nothing for the others."""
        types = {"id": "bigint", "natural_key": "uuid", **dict(self.columns)}
        columns = [column for column in types if (key == "id" or column != "id") and column not in unset_columns]
        record = ", ".join(f"{column} {types[column]}" for column in columns)
        if self.table == "users":
            record += ", former_keys uuid[]"
        values = {column: f"row.{column}" for column in columns}
        for each in self.timed:
            values[each.as_of] = f"COALESCE(row.timestamp, {_NEVER})" if each.columns[0] in columns else _NEVER
        return (
            f"INSERT INTO {self.table} ({', '.join(values)}) "
            f"SELECT {', '.join(values.values())} FROM jsonb_to_recordset(%s::jsonb) AS row({record}) "
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
        changes = [self._row_change(columns)]
        changes += [self._timed_change(each) for each in self.timed if each.columns[0] in columns]
        assignments = ", ".join(f"{column} = {value}" for column, value in self._new_values(changes).items())
        effects = " OR ".join(self._has_effect(change) for change in changes)
        return (
            f"UPDATE SET {assignments} "
            f"WHERE {self.table}.natural_key IS NOT DISTINCT FROM excluded.natural_key AND ({effects})"
        )

    def _row_change(self, columns: list[str]) -> _Change:
        """The columns that each message sends. A row without a timestamp replaces any other."""
        timed = {column for each in self.timed for column in each.columns}
        sent = [column for column in columns if column not in {"id", "natural_key"} | timed]
        stored = f"{self.table}.timestamp"
        values = {column: f"excluded.{column}" for column in sent}
        values["timestamp"] = f"COALESCE(excluded.timestamp, {stored})"
        return _Change(f"COALESCE({stored} <= excluded.timestamp OR {stored} > {LATEST_TRUSTED}, true)", values)

    def _timed_change(self, timed: Timed) -> _Change:
        stored = f"COALESCE({self.table}.{timed.as_of}, {self.table}.timestamp)"
        is_stricter = timed.is_stricter.format(new="excluded", old=self.table)
        condition = (
            f"COALESCE({stored} < excluded.timestamp "
            f"OR ({stored} = excluded.timestamp OR {stored} > {LATEST_TRUSTED}) AND {is_stricter}, true)"
        )
        values = {column: f"excluded.{column}" for column in timed.columns}
        return _Change(condition, values | {timed.as_of: f"COALESCE(excluded.timestamp, {self._time_of(timed)})"})

    def _time_of(self, timed: Timed) -> str:
        """The stored time of these columns. Null, in a row of an earlier release, means the row's."""
        return f"COALESCE({self.table}.{timed.as_of}, {self.table}.timestamp, {_NEVER})"

    def _new_values(self, changes: list[_Change]) -> dict[str, str]:
        new = {each.as_of: self._time_of(each) for each in self.timed}  # kept, when the row's own time moves on
        for change in changes:
            for column, value in change.values.items():
                kept = new.get(column, f"{self.table}.{column}")
                new[column] = f"CASE WHEN {change.condition} THEN {value} ELSE {kept} END"
        for each in self.timed:
            if each.valid_if:
                stored = {column: f"{self.table}.{column}" for column in each.columns}
                is_valid = each.valid_if.format(**stored | new)
                new |= {column: f"CASE WHEN {is_valid} THEN {(stored | new)[column]} END" for column in each.columns}
        return new

    def _has_effect(self, change: _Change) -> str:
        times = {each.as_of: self._time_of(each) for each in self.timed}
        stored = ", ".join(times.get(column, f"{self.table}.{column}") for column in change.values)
        return f"{change.condition} AND ({stored}) IS DISTINCT FROM ({', '.join(change.values.values())})"

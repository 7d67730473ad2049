"""Reading rows with text that may not be in its normal form, page by page, and updating those of which it is not."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

Forms = Mapping[str, Callable[[str], str]]  # by column
Row = dict[str, Any]

PAGE = 1_000
_MAX_TEXT = 100


class Database:
    """Statements on one casino's database, in the migration's transaction."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def run(self, sql: str, *parameters: Any) -> int:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return int(cursor.rowcount)

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            names = [column.name for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def pages(self, table: str, columns: str, text: str, condition: str = "false") -> Iterator[list[Row]]:
        """Rows with characters beside ASCII in `text`, and those of `condition`, in the order of their ids."""
        sql = f"""
            SELECT id, {columns} FROM {table}
            WHERE id > %s AND (octet_length({text}) <> char_length({text}) OR {condition}) ORDER BY id LIMIT {PAGE}
        """
        last = 0
        while page := self.rows(sql, last):
            yield page
            last = page[-1]["id"]

    def update(self, table: str, columns: Mapping[str, str], rows: Sequence[Row]) -> None:
        """Store these columns, with their SQL types, of the rows with these ids."""
        if rows:
            record = ", ".join(f"{name} {kind}" for name, kind in {"id": "bigint", **columns}.items())
            changes = ", ".join(f"{name} = row.{name}" for name in columns)
            self.run(
                f"UPDATE {table} AS stored SET {changes} FROM jsonb_to_recordset(%s::jsonb) AS row({record}) "
                "WHERE stored.id = row.id",
                as_json(rows),
            )


def as_json(rows: Sequence[Row]) -> str:
    return json.dumps(rows, default=str)


def concatenated(forms: Forms) -> str:
    return f"concat({', '.join(forms)})"


def in_form(row: Row, forms: Forms) -> Row:
    return {name: form(row[name]) for name, form in forms.items()}


def can_be_stored(row: Row, texts: Row) -> bool:
    """Whether no text was lost, because it was nothing but invisible characters, or became too long."""
    return all(len(text) <= _MAX_TEXT and bool(text) >= bool(row[name]) for name, text in texts.items())

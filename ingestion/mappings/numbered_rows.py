"""Reads CSV as rows of cells, each with the number of its first line."""

import csv
from collections.abc import Iterator
from typing import TextIO


class InvalidCsv(Exception):
    """The text is not CSV; the message names the line."""


def numbered_rows(text: TextIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The rows with their first lines. Skips rows whose cells are all empty, which spreadsheets leave at the end.
    Raises InvalidCsv, and UnicodeDecodeError."""
    rows = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in rows:
            if any(cells):
                yield line, cells
            line = rows.line_num + 1
    except csv.Error as error:
        raise InvalidCsv(f"line {rows.line_num}: {error}") from error

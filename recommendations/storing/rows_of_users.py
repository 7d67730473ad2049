"""A registry of users' rows in tables of apps above this one, so that they are erased and exported too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RowsOfUsers:
    """Functions for one table in the current casino's database.

    `erase` deletes the rows of users, by stored id, up to a time (None: all), and returns their number. `export`
    returns the rows of the user with these names (own id and stored id) as JSON values. `count_bytes` returns their
    size in bytes, without reading them.
    """

    erase: Callable[[Mapping[int, datetime | None]], int]
    export: Callable[[Sequence[str]], list[dict[str, Any]]]
    count_bytes: Callable[[Sequence[str]], int]


ROWS_OF_USERS: dict[str, RowsOfUsers] = {}  # by table

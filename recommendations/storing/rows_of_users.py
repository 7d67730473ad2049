"""Rows about users in the tables of apps above this one, which register them: they are erased and exported too."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class RowsOfUsers:
    """All functions are about the current casino's database.

    `erase` deletes the rows of users by their stored ids, up to a time (None: all), and returns their number. `export`
    returns the rows of the user with these names (the casino's own id, and the stored one), as JSON has them, and
    `count_bytes` how many bytes these have, without reading them.
    """

    erase: Callable[[Mapping[int, datetime | None]], int]
    export: Callable[[Sequence[str]], list[dict[str, Any]]]
    count_bytes: Callable[[Sequence[str]], int]


ROWS_OF_USERS: dict[str, RowsOfUsers] = {}  # by table

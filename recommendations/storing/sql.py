"""Running SQL in the current casino's database, and encoding rows as its JSON parameter."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tenants.routing.connections import casino_connection

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def as_json(value: Any) -> str:
    return _ENCODER.encode(value).decode()


def query(sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        return list(cursor.fetchall())


def execute(sql: str, parameters: Sequence[Any] = ()) -> None:
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)

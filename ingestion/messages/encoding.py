"""Rows into Kafka messages."""

from decimal import Decimal

import msgspec

from recommendations.validation.rows import Row


def encode_row(row: Row) -> bytes:
    """The message that says what `row` says."""
    fields = msgspec.to_builtins(row, builtin_types=(Decimal,))
    for kept_back in ("source", "natural_key"):
        fields.pop(kept_back, None)
    return _ENCODER.encode({name: value for name, value in fields.items() if value is not None or name in _LIFTED})


_LIFTED = {"stake_limit", "limit_left"}  # for these, None is not the same as nothing
_ENCODER = msgspec.json.Encoder(decimal_format="number")

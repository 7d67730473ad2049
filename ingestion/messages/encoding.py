"""Encodes rows as Kafka messages."""

from decimal import Decimal

import msgspec

from recommendations.validation.rows import Row

_NULLABLE = {"stake_limit", "limit_left"}  # null means "no limit"; an absent field leaves the row's value as it is
_NOT_SENT = {"source", "natural_key", "former_keys", "unread_selections", "lacks_odd", "markets"}

_encode = msgspec.json.Encoder(decimal_format="number").encode


def encode_row(row: Row) -> bytes:
    """The message that decodes to `row`."""
    fields = msgspec.to_builtins(row, builtin_types=(Decimal,))
    return _encode(
        {
            name: value
            for name, value in fields.items()
            if name not in _NOT_SENT and (value is not None or name in _NULLABLE)
        }
    )

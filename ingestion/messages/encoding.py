"""Encodes rows as Kafka messages."""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UnsetType

from recommendations.validation.markets import MarketRow, OddsRow
from recommendations.validation.rows import SentRow

_NULLABLE = {"stake_limit", "limit_left"}  # null means "no limit"; an absent field leaves the row's value as it is
_UNSENT_FIELDS = {"source", "natural_key", "former_keys", "unread_selections", "lacks_odd", "markets"}

_encode = msgspec.json.Encoder(decimal_format="number").encode


def encode_row(row: SentRow) -> bytes:
    """The message that decodes to `row`."""
    fields = msgspec.to_builtins(row, builtin_types=(Decimal,))
    message = {
        name: value
        for name, value in fields.items()
        if name not in _UNSENT_FIELDS and (value is not None or name in _NULLABLE)
    }
    return _encode(message | _markets_of(getattr(row, "markets", None)))


def _markets_of(odds: OddsRow | UnsetType | None) -> dict[str, Any]:
    if not isinstance(odds, OddsRow):
        return {}
    return {"producer": odds.producer, "markets": [_as_message(market) for market in odds.markets]}


def _as_message(row: MarketRow) -> dict[str, Any]:
    prices = zip(row.outcomes, row.odds, strict=True)
    outcomes = [{"outcome": name, "odd": Decimal(odd) / 1_000 if odd else None} for name, odd in prices]
    return {"market": row.market, "line": row.line, "status": row.status, "outcomes": outcomes}

"""The texts of markets: the market, its line, an outcome, and the producer; in upper case, each in one form.

A line is empty where the market has none. A number has its shortest form: 2.50 is "2.5".
"""

import re
from decimal import Decimal
from functools import lru_cache

from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow

from .fields import classifier
from .normal_form import upper_form

MarketText = str | int | float

_CACHED = 32_768
_LONGEST = 100  # characters; longer texts would fill the cache
_NUMBER = re.compile(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?", re.ASCII)


def market_text(field: str, value: MarketText) -> str:
    """The upper-case name, or number as text, of a market, an outcome or a producer. Raises InvalidRow."""
    return classifier(field, value if isinstance(value, str) else _as_text(value))


def line_text(field: str, value: MarketText | None) -> str:
    """The normal form of a line; empty for none. Raises InvalidRow."""
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return _line_of_number(field, value)
    return _cached_line(field, value) if len(value) <= _LONGEST else classifier(field, value)


@lru_cache(_CACHED, typed=True)
def _line_of_number(field: str, value: float) -> str:
    return _cached_line(field, _as_text(value))


@lru_cache(_CACHED)
def _cached_line(field: str, text: str) -> str:
    upper = upper_form(text)
    if _NUMBER.fullmatch(upper) is None:
        return upper and classifier(field, upper)
    number = Decimal(upper)
    return "0" if number.is_zero() else f"{number.normalize():f}"


def _as_text(value: MarketText) -> str:
    """Of a number as JSON has it: 1.0 is the market 1."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e12 else repr(value)
    return value if isinstance(value, str) else str(value)


def named_outcome(
    market: MarketText | UnsetType | None, line: MarketText | UnsetType | None, outcome: MarketText | UnsetType | None
) -> tuple[str | UnsetType, str | UnsetType, str | UnsetType]:
    """The market, line and outcome that a selection or a served event names, as they are stored; UNSET for what it
    leaves out. Raises InvalidRow, also for a line or an outcome without a market."""
    named = [UNSET if value is None or value == "" else value for value in (market, line, outcome)]
    market, line, outcome = named
    if isinstance(market, UnsetType):
        if line is not UNSET or outcome is not UNSET:
            raise InvalidRow("inconsistent", "market", "is required with a line or an outcome")
        return UNSET, UNSET, UNSET
    return (
        market_text("market", market),
        UNSET if isinstance(line, UnsetType) else line_text("line", line) or UNSET,
        UNSET if isinstance(outcome, UnsetType) else market_text("outcome", outcome),
    )

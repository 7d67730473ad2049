"""Reads the outcomes of a market: their names, which repeat from message to message, and their odds in JSON."""

from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from recommendations.validation import fields, status_words
from recommendations.validation.fields import MarketText, market_text
from recommendations.validation.markets import CLOSED_ODD, require_distinct
from recommendations.validation.odds import OddFormat, read_odd

OFF_THE_BOARD = frozenset(
    {"", "off", "otb", "offboard", "offtheboard", "n/a", "na", "none", "null", "closed", "suspended", "susp"}
)
READ_TEXT = msgspec.json.Decoder(str).decode
_CACHED, _CACHED_NAMES = 32_768, 4_096
_LONGEST_ODD, _LONGEST_NAMES = 40, 300  # bytes, characters; longer ones would fill the cache
_NULL = b"null"


class Outcome(msgspec.Struct, gc=False):  # a batch has tens of thousands
    outcome: MarketText
    odd: msgspec.Raw | UnsetType = UNSET
    status: str | UnsetType | None = UNSET


def outcome_names(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """The stored names, in the order of the outcomes. Raises InvalidRow for no outcomes, too many, or two equal
    names."""
    given = tuple([each.outcome for each in outcomes])
    try:
        is_short = len("".join(given)) <= _LONGEST_NAMES  # type: ignore[arg-type]  # numbers raise
    except TypeError:
        is_short = False
    return (_cached_names if is_short else _names)(given)


def _names(given: tuple[MarketText, ...]) -> tuple[str, ...]:
    names = []
    for number, each in enumerate(given):
        try:
            names.append(market_text("outcome", each))
        except InvalidRow as error:
            raise InvalidRow(error.code, f"outcomes[{number}].outcome", error.problem) from error
    require_distinct(names)
    return tuple(names)


_cached_names = lru_cache(_CACHED_NAMES)(_names)


def read_thousandths(raw: bytes, odd_format: OddFormat) -> int | InvalidRow:
    """An odd in JSON, in thousandths; 0 for no price: null, 1 or less, or text such as OFF."""
    return (_cached_thousandths if len(raw) <= _LONGEST_ODD else _thousandths)(raw, odd_format)


def _thousandths(raw: bytes, odd_format: OddFormat) -> int | InvalidRow:
    try:
        if raw == _NULL or (raw.startswith(b'"') and status_words.normalized(READ_TEXT(raw)) in OFF_THE_BOARD):
            return CLOSED_ODD
        odd = read_odd("odd", raw, odd_format)
        if odd <= Decimal(1):
            return CLOSED_ODD
        return int(fields.odd("odd", odd) * 1_000)
    except InvalidRow as error:
        return error


_cached_thousandths = lru_cache(_CACHED)(_thousandths)

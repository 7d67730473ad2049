"""Reads outcomes of markets from cells of CSV files: from the columns `market`, `line` and `outcome`, and from JSON."""

from collections.abc import Mapping

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.fields import line_text, market_text
from recommendations.validation.normal_form import upper_form

from .history import PastOutcome

_OPEN = frozenset({"", "OPEN"})  # any other status is closed
_SELECTIONS = msgspec.json.Decoder(list[tuple[str | int | float, str | int | float, str | int | float] | None])


def outcome_of_cells(cells: Mapping[str, str]) -> PastOutcome | None:
    """The outcome in a row of odds; None for the odd of the event itself. Raises ValueError."""
    market, line, outcome = (cells.get(column) or "" for column in ("market", "line", "outcome"))
    return _outcome(market, line, outcome) if market or line or outcome else None


def is_open(cells: Mapping[str, str]) -> bool:
    return upper_form(cells.get("status") or "") in _OPEN


def outcomes_of_selections(cell: str) -> list[PastOutcome | None]:
    """The outcomes in a coupon's `selections`, one for each of its events; None for an event without one. Raises
    ValueError."""
    try:
        selections = _SELECTIONS.decode(cell)
    except msgspec.DecodeError as error:
        raise ValueError(f'must be JSON such as [["TOTALS", "2.5", "OVER"], null]: {error}') from error
    return [None if each is None else _outcome(*each) for each in selections]


def _outcome(market: str | float, line: str | float, outcome: str | float) -> PastOutcome:
    try:
        found = PastOutcome(market_text("market", market), line_text("line", line), market_text("outcome", outcome))
    except InvalidRow as error:
        raise ValueError(f"has an invalid outcome: {error}") from error
    if not (found.market and found.outcome):
        raise ValueError("must have a market and an outcome")
    return found

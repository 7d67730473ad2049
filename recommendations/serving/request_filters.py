"""Optional parameters of a request: limit, sports, excluded events, bounds of odds, markets, explanation, placement."""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf
from typing import Any

import msgspec
from msgspec.structs import replace

from recommendations.errors import InvalidParameter, InvalidRow
from recommendations.validation import fields
from recommendations.validation.own_ids import OwnId, own_id
from recommendations.validation.placements import placement
from tenants.ids import MAX_ID
from tenants.numbers import parse_decimal, parse_id

from .casino_catalogue import Catalogue
from .options import MAX_EVENTS

MAX_EXCLUDED, MAX_NAMES = 200, 100
_SHOWN = 50
_YES, _NO = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class RequestFilters(msgspec.Struct, frozen=True):
    """`limit`: the number of events, None for the casino's `event_limit`. `excluded`: ids of events. `sports`: the only
    allowed ones, all if empty. `explain`: include scores and reasons. `min_odd`, `max_odd`: narrow the options' bounds.
    `markets`: the only allowed ones, all if empty. `placement`: where the slip will be shown, empty if unknown; only an
    experiment for the placement changes the slip."""

    limit: int | None = None
    excluded: frozenset[OwnId] = frozenset()
    sports: frozenset[str] = frozenset()
    explain: bool = False
    min_odd: float = 1.0
    max_odd: float = inf
    markets: frozenset[str] = frozenset()
    placement: str = ""


NO_FILTERS = RequestFilters()
FILTERS = ("limit", "exclude", "sport", "min_odd", "max_odd", "market", "explain", "placement")


def parse_filters(given: Mapping[str, Any]) -> RequestFilters:
    """Parse the `FILTERS`: JSON values, or text with several values separated by commas.

    Ignores other names. Raises InvalidParameter, which names the field and its valid values.
    """
    filters = NO_FILTERS
    for name in FILTERS:
        if given.get(name) is not None:
            filters = replace(filters, **_PARSE[name](given[name]))
    if filters.min_odd > filters.max_odd:
        raise InvalidParameter("min_odd must not be above max_odd")
    return filters


def _limit(value: Any) -> dict[str, Any]:
    number = _whole_number(value)
    if number is None or number > MAX_EVENTS:
        raise InvalidParameter(f"limit must be a whole number from 1 to {MAX_EVENTS}")
    return {"limit": number}


def _exclude(value: Any) -> dict[str, Any]:
    try:
        excluded = frozenset(_own_id(each) for each in _listed("exclude", value, MAX_EXCLUDED))
    except InvalidRow as error:
        raise InvalidParameter("exclude must list ids of events, separated by commas") from error
    return {"excluded": excluded}


def _own_id(value: Any) -> OwnId:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InvalidRow("wrong_type", "exclude", "must be a number or text")
    return own_id("exclude", value)


def _sport(value: Any) -> dict[str, Any]:
    return {"sports": _names("sport", "sports", value, fields.sport)}


def _market(value: Any) -> dict[str, Any]:
    return {"markets": _names("market", "markets", value, fields.classifier)}


def _names(name: str, what: str, value: Any, as_stored: Callable[[str, str], str]) -> frozenset[str]:
    items = _listed(name, value, MAX_NAMES)
    try:
        names = frozenset(as_stored(name, str(each)) for each in items)
    except InvalidRow as error:
        raise InvalidParameter(f"{name} must list names of {what}, separated by commas: {error}") from error
    if not names or not all(isinstance(each, str) for each in items):
        raise InvalidParameter(f"{name} must list names of {what}, separated by commas")
    return names


def _odd(name: str, value: Any) -> dict[str, Any]:
    number = None if isinstance(value, bool) else parse_decimal(str(value))
    if number is None or not 1 <= number <= fields.MAX_ODD:
        raise InvalidParameter(f"{name} must be a number from 1 to {fields.MAX_ODD}")
    return {name: float(number)}


def require_offered(sports: frozenset[str], catalogue: Catalogue) -> None:
    """Raises InvalidParameter for a sport that the casino's catalogue does not list."""
    if catalogue.sports is not None and not sports <= set(catalogue.sports):
        raise InvalidParameter(f"sport must be one or several of {', '.join(catalogue.sports[:_SHOWN])}")


def _explain(value: Any) -> dict[str, Any]:
    text = str(value).lower()
    if text not in (*_YES, *_NO):
        raise InvalidParameter("explain must be 1 or 0")
    return {"explain": text in _YES}


def _placement(value: Any) -> dict[str, Any]:
    try:
        return {"placement": placement("placement", str(value))}
    except InvalidRow as error:
        raise InvalidParameter(str(error)) from error


def _listed(name: str, value: Any, at_most: int) -> list[Any]:
    """The items of a list or of text with commas, or the value itself. Raises InvalidParameter for too many, before
    validating any."""
    if isinstance(value, str):
        items: list[Any] = [each.strip() for each in value.split(",") if each.strip()]
    else:
        items = value if isinstance(value, list) else [value]
    if len(items) > at_most:
        raise InvalidParameter(f"{name} may list at most {at_most} values, not {len(items)}")
    return items


def _whole_number(value: Any) -> int | None:
    """A whole number of at least 1, from JSON or text; None for another value."""
    if isinstance(value, int):
        return value if not isinstance(value, bool) and 0 < value <= MAX_ID else None
    return parse_id(value) if isinstance(value, str) else None


_PARSE: dict[str, Callable[[Any], dict[str, Any]]] = {
    "limit": _limit,
    "exclude": _exclude,
    "sport": _sport,
    "min_odd": partial(_odd, "min_odd"),
    "max_odd": partial(_odd, "max_odd"),
    "market": _market,
    "explain": _explain,
    "placement": _placement,
}

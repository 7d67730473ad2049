"""Splits markets whose outcomes have their own line, or their own part of the market's name."""

from collections.abc import Iterator
from typing import Any

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.fields import line_text, market_text

from .values import UNREADABLE

IDENTIFYING_FIELDS = ("market", "line")  # fields of an outcome in a mapping that identify its market
_SEPARATOR = "|"
_ENCODE = msgspec.json.Encoder().encode


def split_markets(markets: list[Any]) -> list[Any]:
    """The markets, each split into one per line of its outcomes, in their order. An outcome's own `market` is added to
    the market's name: PLAYER POINTS|A PLAYER."""
    return [part for market in markets for part in _parts(market)]


def _parts(market: Any) -> list[Any]:
    """The markets that one market is split into. An unreadable outcome is in all of them, since its line is unknown; so
    all of them are closed."""
    outcomes = market.get("outcomes") if isinstance(market, dict) else None
    if not isinstance(outcomes, list):
        return [market]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for outcome in outcomes:
        if outcome == UNREADABLE:
            continue
        own = dict(_own_fields(outcome))
        key = tuple(_normal_form(name, own[name]) if name in own else "" for name in IDENTIFYING_FIELDS)
        if key not in found:
            found[key] = market | _named(market, own) | {"outcomes": []}
        found[key]["outcomes"].append(outcome)
    unread = [outcome for outcome in outcomes if outcome == UNREADABLE]
    parts = list(found.values()) or [market | {"outcomes": []}]
    for part in parts:
        part["outcomes"] += unread
    return parts


def _own_fields(outcome: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Remove and yield the outcome's own fields, without null and empty text."""
    for name in IDENTIFYING_FIELDS:
        value = outcome.pop(name, None)
        if value is not None and value != "":
            yield name, value


def _named(market: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if "market" not in own or "market" not in market:
        return own
    names = [_text(market["market"]), _text(own["market"])]
    if None in names:
        return own | {"market": next(each for each in (market["market"], own["market"]) if _text(each) is None)}
    return own | {"market": _SEPARATOR.join(filter(None, names))}


def _normal_form(name: str, value: Any) -> str:
    """The same text for 2.5, "2.50" and "+2.5"; for an unreadable value its JSON."""
    text = _text(value)
    try:
        if text is not None:
            return line_text(name, text) if name == "line" else market_text(name, text)
    except InvalidRow:
        pass
    return _ENCODE(value).decode()


def _text(value: Any) -> str | None:
    """The value as text; None if it is neither text nor a number."""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value) if isinstance(value, str | int) else None

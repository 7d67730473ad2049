"""Splits markets whose outcomes tell a line, or a part of the market's name, of their own."""

from collections.abc import Iterator
from typing import Any

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.fields import line_text, market_text

from .values import UNREADABLE

OF_OUTCOMES = ("market", "line")  # fields of an outcome in a mapping that say which market it belongs to
_BETWEEN = "|"
_ENCODE = msgspec.json.Encoder().encode


def split_markets(markets: list[Any]) -> list[Any]:
    """Each market as one for each line that its outcomes tell, in their order. An outcome's own `market` is added to
    the market's name: PLAYER POINTS|A PLAYER."""
    return [part for market in markets for part in _parts(market)]


def _parts(market: Any) -> list[Any]:
    """An outcome that can't be read is in all of them, so that they are closed: its line is not known."""
    outcomes = market.get("outcomes") if isinstance(market, dict) else None
    if not isinstance(outcomes, list):
        return [market]
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for outcome in outcomes:
        if outcome == UNREADABLE:
            continue
        own = dict(_own_fields(outcome))
        key = tuple(_normal_form(name, own[name]) if name in own else "" for name in OF_OUTCOMES)
        if key not in found:
            found[key] = market | _named(market, own) | {"outcomes": []}
        found[key]["outcomes"].append(outcome)
    unread = [outcome for outcome in outcomes if outcome == UNREADABLE]
    parts = list(found.values()) or [market | {"outcomes": []}]
    for part in parts:
        part["outcomes"] += unread
    return parts


def _own_fields(outcome: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Takes them from the outcome; null and empty text say nothing."""
    for name in OF_OUTCOMES:
        value = outcome.pop(name, None)
        if value is not None and value != "":
            yield name, value


def _named(market: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    if "market" not in own or "market" not in market:
        return own
    names = [_text(market["market"]), _text(own["market"])]
    if None in names:
        return own | {"market": next(each for each in (market["market"], own["market"]) if _text(each) is None)}
    return own | {"market": _BETWEEN.join(filter(None, names))}


def _normal_form(name: str, value: Any) -> str:
    """One text for 2.5, "2.50" and "+2.5"; of what can't be read, its JSON."""
    text = _text(value)
    try:
        if text is not None:
            return line_text(name, text) if name == "line" else market_text(name, text)
    except InvalidRow:
        pass
    return _ENCODE(value).decode()


def _text(value: Any) -> str | None:
    """None for what is neither text nor a number."""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    return str(value) if isinstance(value, str | int) else None

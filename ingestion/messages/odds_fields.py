"""The fields of a message of `odds`, each read once. A field with different values has none, and the message is
rejected; the producer's own status is an exception: the stricter value counts."""

from contextlib import suppress
from datetime import datetime

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.validation.fields import MarketText

from .envelope import Envelope
from .market_parts import Market
from .repeated_fields import ESCAPED_NAME, resolve_odds


class Heartbeat(msgspec.Struct):
    complete: bool | UnsetType = UNSET


class OddsFields(msgspec.Struct, kw_only=True):
    producer: MarketText
    event_id: int | float | str | UnsetType | None = UNSET
    timestamp: datetime | float | UnsetType | None = UNSET
    stop: bool | list[MarketText] | UnsetType | None = UNSET
    heartbeat: Heartbeat | bool | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    odd_format: str | UnsetType | None = UNSET


class ReadOdds(OddsFields, kw_only=True):
    """A message whose markets all have the right types."""

    markets: list[Market] | UnsetType = UNSET


class RawOdds(OddsFields, kw_only=True):
    """A message with undecoded markets: one of them may have a wrong type."""

    markets: msgspec.Raw | UnsetType = UNSET


_DECODE = msgspec.json.Decoder(ReadOdds).decode
_DECODE_RAW = msgspec.json.Decoder(RawOdds).decode
_OPTIONAL = ("event_id", "timestamp", "stop", "heartbeat", "status", "odd_format", "markets")


def read_odds_fields(envelope: Envelope) -> ReadOdds | RawOdds:
    """The fields of the message. Raises InvalidRow for a field with different values, and msgspec.DecodeError."""
    value = envelope.value or b""
    with suppress(msgspec.ValidationError):
        message = _DECODE(value)
        if _is_each_once(value, message):
            return message
    return _DECODE_RAW(resolve_odds(envelope))


def _is_each_once(value: bytes, message: ReadOdds) -> bool:
    """Whether no name occurs more often than the decoded fields have it: counting takes a fifth of the time of
    decoding. Names in values can only make it false."""
    if b"\\" in value and ESCAPED_NAME.search(value):
        return False
    count = value.lower().count
    markets = [] if isinstance(message.markets, UnsetType) else message.markets
    lists = outcomes = statuses = odds = lines = 0
    for market in markets:
        lines += market.line is not UNSET
        statuses += market.status is not UNSET
        if isinstance(market.outcomes, UnsetType):
            continue
        lists += 1
        outcomes += len(market.outcomes)
        for outcome in market.outcomes:
            odds += outcome.odd is not UNSET
            statuses += outcome.status is not UNSET
    has = {name: getattr(message, name) is not UNSET for name in _OPTIONAL}
    beat = message.heartbeat
    return (
        count(b'"producer"') == 1
        and count(b'"event_id"') == has["event_id"]
        and count(b'"timestamp"') == has["timestamp"]
        and count(b'"markets"') == has["markets"]
        and count(b'"market"') == len(markets)
        and count(b'"line"') == lines
        and count(b'"outcomes"') == lists
        and count(b'"outcome"') == outcomes
        and count(b'"odd"') == odds
        and count(b'"status"') == statuses + has["status"]
        and count(b'"stop"') == has["stop"]
        and count(b'"heartbeat"') == has["heartbeat"]
        and count(b'"complete"') == (isinstance(beat, Heartbeat) and beat.complete is not UNSET)
        and count(b'"odd_format"') == has["odd_format"]
    )

"""Decodes messages of the topic `odds`: prices of one event's markets, stops, heartbeats, and producers going down.

What can't be read closes: the event that the message or its key names, else all prices that came by its partition.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from recommendations.validation.market_texts import MarketText, market_text
from recommendations.validation.markets import ALL_MARKETS, Closing, Heard, OddsRow
from recommendations.validation.odds import OddFormat, parse_format
from recommendations.validation.own_ids import OwnId

from .decoding import Rejection, TimeBounds, given_id, not_ahead, parse_time, sent_time
from .encodings import parse_key
from .envelope import Door, Envelope
from .market_parts import ReadMarkets, read_markets

_BY_UPLOAD = -1  # the partition of feeds whose heartbeats come by HTTP
_UP = frozenset({"UP", "ALIVE"})


class _RawHeartbeat(msgspec.Struct):
    complete: bool = True


class _RawOdds(msgspec.Struct):
    """As `OddsMessage`, with undecoded markets."""

    producer: MarketText
    event_id: int | float | str | None = None
    timestamp: datetime | float | None = None
    markets: msgspec.Raw | UnsetType = UNSET
    stop: bool | list[MarketText] | None = None
    heartbeat: _RawHeartbeat | bool | None = None
    status: str | None = None
    odd_format: str | None = None


class _Reference(msgspec.Struct):
    """The part that can be read where others can't."""

    event_id: Any = None


_DECODE = msgspec.json.Decoder(_RawOdds).decode
_DECODE_REFERENCE = msgspec.json.Decoder(_Reference).decode
_UNREADABLE = (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_odds(envelope: Envelope, bounds: TimeBounds) -> OddsRow:
    """A message without a `timestamp` is as of the time at which it was first sent. Raises InvalidRow."""
    message = _DECODE(envelope.value or b"")
    producer = market_text("producer", message.producer)
    sent_at = sent_time(envelope, bounds)
    as_of = sent_at
    if message.timestamp is not None:
        as_of = not_ahead(parse_time("timestamp", message.timestamp, bounds.past), envelope, bounds)
    heard = _heard(message, envelope, sent_at)
    if message.markets is UNSET and not message.stop:
        if heard is None or not (heard.is_heartbeat or heard.is_down):
            raise InvalidRow("missing", "markets", "is required, or a stop, a heartbeat or a status")
        return OddsRow(producer=producer, timestamp=as_of, heard=heard)
    event_id = given_id("event_id", message.event_id)
    if event_id is None:
        raise InvalidRow("missing", "event_id", "is required with markets or a stop")
    read = _markets(message, bounds)
    return OddsRow(
        id=event_id,
        producer=producer,
        timestamp=as_of,
        markets=tuple(read.markets),
        closings=(*read.closings, *_stops(message.stop)),
        heard=heard,
        unread=read.unread,
    )


def close_unread(envelope: Envelope, bounds: TimeBounds, rejection: Rejection) -> Rejection:
    """The rejection of a message that can't be read, with what it closes."""
    event_id = _named_event(envelope)
    if event_id is None:
        event_id = parse_key(envelope.key or b"")
    sent_at = sent_time(envelope, bounds)
    if event_id is not None:
        closed = OddsRow(id=event_id, timestamp=sent_at, closings=(Closing(ALL_MARKETS),))
    else:
        heard = Heard(_partition(envelope), sent_at, loses_prices=True)
        closed = OddsRow(timestamp=sent_at, heard=heard)
    return msgspec.structs.replace(rejection, closed_odds=closed)


def _markets(message: _RawOdds, bounds: TimeBounds) -> ReadMarkets:
    if isinstance(message.markets, UnsetType):
        return ReadMarkets()
    odd_format = bounds.odd_format if message.odd_format is None else parse_format(message.odd_format)
    return read_markets(bytes(message.markets), OddFormat(odd_format))


def _stops(stop: bool | list[MarketText] | None) -> tuple[Closing, ...]:
    """Of all markets, or of those with the names in the list; an empty one names none."""
    if isinstance(stop, list):
        return tuple(Closing(market_text("stop", each)) for each in stop)
    return (Closing(ALL_MARKETS),) if stop else ()


def _heard(message: _RawOdds, envelope: Envelope, sent_at: datetime) -> Heard | None:
    """What the message says about its feed. Raises InvalidRow for an unknown status, which can't be up."""
    word = (message.status or "").strip().upper()
    if word and word != "DOWN" and word not in _UP:
        raise InvalidRow("unknown_value", "status", "must be down or up")
    beat = message.heartbeat
    is_heartbeat = bool(beat) or word in _UP
    if envelope.place.door is not Door.KAFKA and not is_heartbeat and word != "DOWN":
        return None
    is_complete = beat.complete if isinstance(beat, _RawHeartbeat) else True
    return Heard(_partition(envelope), sent_at, is_heartbeat, word == "DOWN", not is_complete)


def _partition(envelope: Envelope) -> int:
    return envelope.place.partition if envelope.place.door is Door.KAFKA else _BY_UPLOAD


def _named_event(envelope: Envelope) -> OwnId | None:
    """The event of a message that can't be read, where that can be."""
    try:
        value = _DECODE_REFERENCE(envelope.value or b"").event_id
        return given_id("event_id", value) if isinstance(value, int | float | str) else None
    except _UNREADABLE:
        return None

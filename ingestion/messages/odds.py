"""Decodes messages of the topic `odds`: prices of one event's markets, stops, heartbeats, and producers going down.

An unreadable message closes the event that it or its key names, or else all prices received by its partition.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from recommendations.validation.fields import MarketText, market_text
from recommendations.validation.markets import ALL_MARKETS, BY_UPLOAD, Closing, Heard, OddsRow
from recommendations.validation.odds import OddFormat, parse_format
from recommendations.validation.own_ids import OwnId, own_id
from recommendations.validation.status_words import NO_WORDS

from .decoding import Rejection, TimeBounds, not_ahead, parse_time, sent_time
from .encodings import parse_key
from .envelope import Envelope, Transport
from .field_scan import scan_fields
from .market_parts import ReadMarkets, read_each, read_markets
from .odds_fields import Heartbeat, RawOdds, ReadOdds, read_odds_fields
from .repeated_fields import producer_status

_MOST_EVENTS = 100  # events per message: each becomes a closing in memory


class _Reference(msgspec.Struct):
    """The readable part of an unreadable message."""

    event_id: Any = None


_DECODE_REFERENCE = msgspec.json.Decoder(_Reference).decode
_DECODE_ID = msgspec.json.Decoder(int | float | str).decode
_UNREADABLE = (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode_odds(envelope: Envelope, bounds: TimeBounds) -> OddsRow:
    """Decode a message; without a `timestamp` it is valid as of its first sending. Raises InvalidRow."""
    message = read_odds_fields(envelope)
    producer = market_text("producer", message.producer)
    sent_at = sent_time(envelope, bounds)
    as_of = sent_at
    if message.timestamp is not UNSET and message.timestamp is not None:
        as_of = not_ahead(parse_time("timestamp", message.timestamp, bounds.past), envelope, bounds)
    heard = _feed_status(message, envelope, sent_at)
    if _has_no_markets(message) and not message.stop:
        if heard is None or not (heard.is_heartbeat or heard.is_down):
            raise InvalidRow("missing", "markets", "is required, or a stop, a heartbeat or a status")
        return OddsRow(producer=producer, timestamp=as_of, heard=heard)
    if message.event_id is UNSET or message.event_id is None:
        raise InvalidRow("missing", "event_id", "is required with markets or a stop")
    read = _markets(message, bounds)
    return OddsRow(
        id=own_id("event_id", message.event_id),
        producer=producer,
        timestamp=as_of,
        markets=tuple(read.markets),
        closings=(*read.closings, *_stops(message.stop)),
        heard=heard,
        unread=read.unread,
        unknown_word=read.unknown_word,
    )


def _has_no_markets(message: ReadOdds | RawOdds) -> bool:
    """Whether the message has no markets. An empty list counts as none if the message has no event."""
    if isinstance(message.markets, UnsetType):
        return True
    if message.event_id is not UNSET and message.event_id is not None:
        return False
    return message.markets == [] if isinstance(message.markets, list) else bytes(message.markets) == b"[]"


def close_unread(envelope: Envelope, bounds: TimeBounds, rejection: Rejection) -> Rejection:
    """The rejection of an unreadable message, with its closings."""
    sent_at = sent_time(envelope, bounds)
    closed = [OddsRow(id=each, timestamp=sent_at, closings=(Closing(ALL_MARKETS),)) for each in _named_events(envelope)]
    if not closed:
        heard = Heard(_partition(envelope), sent_at, loses_prices=True)
        closed = [OddsRow(timestamp=sent_at, heard=heard)]
    return msgspec.structs.replace(rejection, closed_odds=tuple(closed))


def _markets(message: ReadOdds | RawOdds, bounds: TimeBounds) -> ReadMarkets:
    given, markets = message.odd_format, message.markets
    odd_format = bounds.odd_format if given is UNSET or given is None else OddFormat(parse_format(given))
    if isinstance(markets, UnsetType):
        return ReadMarkets(NO_WORDS)
    if isinstance(markets, list):
        return read_each(markets, odd_format, bounds.market_words)
    return read_markets(bytes(markets), odd_format, bounds.market_words)


def _stops(stop: bool | list[MarketText] | UnsetType | None) -> tuple[Closing, ...]:
    """The closings of all markets, or of those with the names in the list, which may be empty."""
    if isinstance(stop, list):
        return tuple(Closing(market_text("stop", each)) for each in stop)
    return (Closing(ALL_MARKETS),) if stop is True else ()


def _feed_status(message: ReadOdds | RawOdds, envelope: Envelope, sent_at: datetime) -> Heard | None:
    """The status of the message's feed. Raises InvalidRow for an unknown status: it must not count as up."""
    given_status = message.status
    status = producer_status(given_status) if isinstance(given_status, str) and given_status.strip() else ""
    beat = message.heartbeat
    is_heartbeat = isinstance(beat, Heartbeat) or beat is True or status == "UP"
    if envelope.place.transport is not Transport.KAFKA and not is_heartbeat and status != "DOWN":
        return None
    is_incomplete = isinstance(beat, Heartbeat) and beat.complete is False
    return Heard(_partition(envelope), sent_at, is_heartbeat, status == "DOWN", is_incomplete)


def _partition(envelope: Envelope) -> int:
    return envelope.place.partition if envelope.place.transport is Transport.KAFKA else BY_UPLOAD


def _named_events(envelope: Envelope) -> list[OwnId]:
    """The events that an unreadable message may be about: those in the message, except an id at its cut end, and that
    in its key, unless the message is valid JSON with an event."""
    value = envelope.value or b""
    found = [each for each in scan_fields(value).values.get("event_id", ()) if not value.rstrip().endswith(each)]
    is_whole = False
    with suppress(*_UNREADABLE):
        found.append(msgspec.json.encode(_DECODE_REFERENCE(value).event_id))
        is_whole = True
    named = [each for each in map(_own_id, found[:_MOST_EVENTS]) if each is not None]
    by_key = parse_key(envelope.key or b"")
    if by_key is not None and not (named and is_whole):
        named.append(by_key)
    return list(dict.fromkeys(named))


def _own_id(given: bytes) -> OwnId | None:
    with suppress(*_UNREADABLE):
        return own_id("event_id", _DECODE_ID(given))
    return None

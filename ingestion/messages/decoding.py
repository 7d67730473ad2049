"""Kafka messages into rows.

What can't be read is a Rejection with a stable code: `no_casino`, `too_large`, `malformed`, `bad_key`, `missing`,
`wrong_type`, or one of `recommendations.validation.rows`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import msgspec

from recommendations.errors import InvalidRow
from recommendations.validation.fields import EARLIEST, LATEST
from recommendations.validation.rows import (
    AnyRow,
    CouponRow,
    EventRow,
    Removal,
    Selection,
    ServedEventRow,
    ServedRow,
    UserRow,
)
from recommendations.validation.settings_limits import limits

from .envelope import CASINO_HEADER, Envelope
from .formats import EventMessage, SelectionMessage, ServedEventMessage, ServedMessage, UnopenedCoupon, UserMessage

_MISSING = re.compile(r"required field `([^`]*)`")
_PLACE = re.compile(r"at `\$\.?([^`]*)`")
_CLOCKS_DIFFER = timedelta(days=1)
_MILLISECONDS_FROM = 100_000_000_000  # as Unix seconds this would be the year 5138
_SELECTIONS_REMEMBERED = 32_768


class Rejection(msgspec.Struct):
    """Why a message is not stored: `code` is stable, `field` is at fault (empty: the message as a whole).

    `sqlstate` is PostgreSQL's word, where it was PostgreSQL that refused the row, after so many `attempts`.
    """

    code: str
    field: str
    detail: str
    sqlstate: str = ""
    attempts: int = 1


_NO_CASINO = Rejection("no_casino", CASINO_HEADER, f"the header {CASINO_HEADER} must hold the casino's id, an integer")


class Bounds(msgspec.Struct):
    """How late the times in a message may be: those of what has happened, and those of what is to come."""

    past: datetime
    future: datetime

    @classmethod
    def at(cls, now: datetime) -> "Bounds":
        return cls(now + _CLOCKS_DIFFER, now + limits.horizon)


Decode = Callable[[Envelope, Bounds], AnyRow]


def read_message(decode: Decode, envelope: Envelope, bounds: Bounds) -> AnyRow | Removal | Rejection:
    """The row that a message brings, or why it brings none. `bounds` are those of when it was received."""
    if envelope.casino_id is None:
        return _NO_CASINO
    size = len(envelope.value or b"")
    if size > limits.message_bytes:
        return Rejection("too_large", "", f"{size} bytes; at most {limits.message_bytes}")
    try:
        return _removal(envelope, bounds) if envelope.value is None else decode(envelope, bounds)
    except (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _explain(error)


_DECODE_USER = msgspec.json.Decoder(UserMessage).decode
_DECODE_EVENT = msgspec.json.Decoder(EventMessage).decode
_DECODE_COUPON = msgspec.json.Decoder(UnopenedCoupon).decode
_DECODE_SERVED = msgspec.json.Decoder(ServedMessage).decode
_DECODE_SELECTION = msgspec.json.Decoder(SelectionMessage).decode


def decode_user(envelope: Envelope, bounds: Bounds) -> UserRow:
    message = _DECODE_USER(envelope.value or b"")
    return UserRow(
        id=message.id,
        name=message.name,
        surname=message.surname,
        birth_year=message.birth_year,
        currency=message.currency,
        country=message.country,
        gender=message.gender,
        timestamp=read_time("timestamp", message.timestamp, bounds.past),
        favorite_sport=message.favorite_sport,
        favorite_league=message.favorite_league,
        status=message.status,
        status_until=_end("status_until", message.status_until),
        birth_date=message.birth_date,
        stake_limit=message.stake_limit,
        limit_left=message.limit_left,
    )


def decode_event(envelope: Envelope, bounds: Bounds) -> EventRow:
    """An event's message that does not say as of when it holds does so as of when it was sent."""
    message = _DECODE_EVENT(envelope.value or b"")
    as_of = envelope.place.sent_at if message.timestamp is None else message.timestamp
    return EventRow(
        id=message.id,
        begin_timestamp=read_time("begin_timestamp", message.begin_timestamp, bounds.future),
        end_timestamp=read_time("end_timestamp", message.end_timestamp, bounds.future),
        country=message.country,
        league=message.league,
        home_team=message.home_team,
        away_team=message.away_team,
        sport=message.sport,
        odd=message.odd,
        status=message.status,
        timestamp=read_time("timestamp", as_of, bounds.past),
    )


def decode_coupon(envelope: Envelope, bounds: Bounds) -> CouponRow:
    message = _DECODE_COUPON(envelope.value or b"")
    return CouponRow(
        id=message.id,
        user_id=message.user_id,
        stake=message.stake,
        timestamp=read_time("timestamp", message.timestamp, bounds.past),
        recommended_events=_selections(message.recommended_events),
        source=envelope.source if message.id is None else None,
    )


def decode_served(envelope: Envelope, bounds: Bounds) -> ServedRow:
    message = _DECODE_SERVED(envelope.value or b"")
    return ServedRow(
        recommendation_id=message.recommendation_id,
        user_id=message.user_id,
        timestamp=read_time("timestamp", message.timestamp, bounds.past),
        recommender=message.recommender,
        asked_for=message.asked_for,
        fallback=message.fallback,
        model_version=message.model_version,
        stake=message.stake,
        currency=message.currency,
        events=_served_events(message.events),
        took_ms=message.took_ms,
    )


def _selections(raws: list[msgspec.Raw]) -> tuple[Selection, ...]:
    sports = limits.sports
    selections: list[Selection] = []
    try:
        for raw in raws:
            selections.append(_selection(bytes(raw), sports))  # noqa: PERF401 (their number says which one is wrong)
    except (InvalidRow, msgspec.ValidationError) as error:
        raise _at_place(f"recommended_events[{len(selections)}]", error) from error
    return tuple(selections)


def _served_events(messages: list[ServedEventMessage]) -> tuple[ServedEventRow, ...]:
    events: list[ServedEventRow] = []
    try:
        for each in messages:
            events.append(ServedEventRow(event_id=each.event_id, odd=each.odd, score=each.score))  # noqa: PERF401 (as above)
    except InvalidRow as error:
        raise _at_place(f"events[{len(events)}]", error) from error
    return tuple(events)


def _at_place(place: str, error: InvalidRow | msgspec.ValidationError) -> InvalidRow:
    """The error of one of several, with its place among them."""
    wrong = _explain(error)
    return InvalidRow(wrong.code, f"{place}.{wrong.field}".removesuffix("."), getattr(error, "problem", wrong.detail))


@lru_cache(_SELECTIONS_REMEMBERED)
def _selection(raw: bytes, sports: tuple[str, ...]) -> Selection:
    """A selection, remembered by how it is written and by the sports that it may have."""
    message = _DECODE_SELECTION(raw)
    return Selection(
        event_id=message.event_id,
        country=message.country,
        league=message.league,
        home_team=message.home_team,
        away_team=message.away_team,
        sport=message.sport,
        odd=message.odd,
    )


def read_time(field: str, value: datetime | float, latest: datetime) -> datetime:
    """A time without a zone is UTC; a number is Unix seconds, or milliseconds if it is large enough.

    Raises InvalidRow for what is no time, or later than `latest`.
    """
    if isinstance(value, datetime):
        time = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
    else:
        time = _from_number(field, value)
    if time > latest:
        raise InvalidRow("out_of_range", field, f"must not be later than {latest:%Y-%m-%d}")
    return time


def _from_number(field: str, value: float) -> datetime:
    try:
        return datetime.fromtimestamp(value / 1000 if abs(value) >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidRow("out_of_range", field, "must be a time: ISO 8601, or Unix seconds") from error


def _end(field: str, value: datetime | float | None) -> datetime | None:
    """When something ends; None, never, for whatever lies beyond the years that can be stored: casinos write 9999 for
    what is for good, and it is safer to keep to that than to refuse the message."""
    try:
        end = None if value is None else read_time(field, value, LATEST - _CLOCKS_DIFFER)
    except InvalidRow:
        return None
    return end if end is not None and end >= EARLIEST else None


def _removal(envelope: Envelope, bounds: Bounds) -> Removal | Rejection:
    """A message without a value removes the row whose id is its key."""
    key = envelope.key or b""
    if not key.isdigit() or len(key) > 19:
        return Rejection("bad_key", "", "a message without a value removes the row whose id is its key, in digits")
    return Removal(id=int(key), timestamp=read_time("timestamp", envelope.place.sent_at, bounds.past))


_CONSTRAINTS = (
    ("missing required field", "missing"),
    ("of length >= ", "missing"),
    ("of length <= ", "too_long"),
    (" >= ", "out_of_range"),
    (" <= ", "out_of_range"),
)


def _explain(error: Exception) -> Rejection:
    text = str(error)
    if isinstance(error, InvalidRow):
        return Rejection(error.code, error.field, text)
    if not isinstance(error, msgspec.ValidationError):
        return Rejection("malformed", "", text)
    field = ".".join(match[1] for pattern in (_PLACE, _MISSING) if (match := pattern.search(text)) and match[1])
    code = next((code for constraint, code in _CONSTRAINTS if constraint in text), "wrong_type")
    return Rejection(code, field, text)

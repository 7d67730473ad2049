"""Decodes Kafka messages into rows.

An invalid message becomes a Rejection with a stable code: `no_casino`, `ambiguous_header`, `too_large`, `malformed`,
`bad_key`, `missing`, `wrong_type`, `undecodable`, or one of `recommendations.validation.rows`.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Self, TypeVar

import msgspec
from msgspec import UnsetType

from recommendations.errors import InvalidRow
from recommendations.models import UserStatus
from recommendations.validation import fields
from recommendations.validation.changes import Change
from recommendations.validation.fields import EARLIEST, LATEST, market_text, named_outcome
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.markets import OddsRow
from recommendations.validation.odds import OddFormat, parse_format, read_odd
from recommendations.validation.own_ids import OwnId, own_id
from recommendations.validation.rows import (
    AnyRow,
    EventRow,
    Removal,
    ServedEventRow,
    ServedRow,
    UserRow,
)
from recommendations.validation.settings_limits import limits
from recommendations.validation.status_words import NO_WORDS, Words

from .encodings import parse_key, problem_of_encoding
from .envelope import CASINO_HEADER, Envelope, repeated_header
from .formats import EventMessage, ImpressionMessage, ServedEventMessage, ServedMessage, UserMessage
from .market_parts import event_odds, read_markets
from .problems import problem_of
from .repeated_fields import resolve_event, resolve_user

logger = logging.getLogger(__name__)

_CLOCK_SKEW = timedelta(days=1)
_EARLIEST_SENT = EARLIEST.timestamp() * 1_000
_MAX_OTHER_BYTES = 16_384  # the largest key and headers of a message; a replay adds two headers


class Rejection(msgspec.Struct):
    """The reason for a rejection: a stable `code`, and the invalid `field` (empty: the whole message).

    `sqlstate` is PostgreSQL's code if PostgreSQL refused the row, after this number of `attempts`. `changes` are the
    closings and restrictions of the rejected message, and `closed_odds` the closings of a message of `odds`.
    `unknown_word` is the status, if it is none of the built-in words. `named_users` are the ids of the users in a
    mapped message; None: read them from the message's own bytes.
    """

    code: str
    field: str
    detail: str
    sqlstate: str = ""
    attempts: int = 1
    changes: tuple[Change, ...] = ()
    unknown_word: str = ""
    named_users: tuple[str, ...] | None = None
    closed_odds: tuple[OddsRow, ...] = ()


class Partial(msgspec.Struct):
    """A message without some fields: the change of a stored row, and the reason for a rejection if no row is stored."""

    change: Change
    unless_stored: Rejection


_NO_CASINO = Rejection(
    "no_casino", CASINO_HEADER, f"header {CASINO_HEADER} is missing or invalid: send the casino's id, an integer, in it"
)


class TimeBounds(msgspec.Struct):
    """The latest valid times in messages of one batch: of past facts (`past`), and of events to come (`future`).
    `received` is the time of the batch's receipt; `next_clamped` the time of the next message dated after it.
    `odd_format` is the casino's default format; `market_words` are its own words for the status of a market."""

    past: datetime
    future: datetime
    received: datetime
    next_clamped: datetime
    odd_format: OddFormat = OddFormat.DECIMAL
    market_words: Words = NO_WORDS

    @classmethod
    def at(cls, now: datetime, odd_format: OddFormat = OddFormat.DECIMAL) -> Self:
        return cls(now + _CLOCK_SKEW, now + limits.horizon, now, now, odd_format)

    def clamp(self, time: datetime) -> datetime:
        """The time, or at most the time of receipt. Messages dated after it keep the order of decoding: their times
        differ by a microsecond each."""
        return time if time <= self.received else self.now()

    def now(self) -> datetime:
        now = self.next_clamped
        self.next_clamped += timedelta.resolution
        return now


Decode = Callable[[Envelope, TimeBounds], AnyRow]


def decode_message(decode: Decode, envelope: Envelope, bounds: TimeBounds) -> AnyRow | Removal | Rejection:
    """The message's row, or the reason for its rejection. `bounds` are the valid times at its receipt."""
    if envelope.headers is not None and len(envelope.headers) > 1 and (name := repeated_header(envelope.headers)):
        return Rejection("ambiguous_header", name, f"header {name} occurs more than once: send it once")
    if envelope.casino_id is None:
        return _NO_CASINO
    if (rejection := _rejection_of_size(envelope)) is not None:
        return rejection
    try:
        read = _decode_removal if envelope.value is None else decode
        return read(envelope, bounds)
    except (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        problem = problem_of_encoding(envelope.value or b"")
        return Rejection("malformed", "", problem) if problem else rejection_of(error)
    except Exception as error:  # one message must not end the process
        logger.exception("Internal error: the message %s can't be decoded", envelope.place)
        return Rejection("undecodable", "", f"an error of this program, {type(error).__name__}: see the log")


def _rejection_of_size(envelope: Envelope) -> Rejection | None:
    size = len(envelope.value or b"")
    if size > limits.message_bytes:
        return Rejection("too_large", "", f"the value has {size} bytes: send at most {limits.message_bytes}")
    other_bytes = len(envelope.key or b"")
    for name, value in envelope.headers or ():
        other_bytes += len(name) + len(value or b"")
    if other_bytes > _MAX_OTHER_BYTES:
        return Rejection("too_large", "", f"key and headers have {other_bytes} bytes: send at most {_MAX_OTHER_BYTES}")
    return None


_DECODE_USER = msgspec.json.Decoder(UserMessage).decode
_DECODE_EVENT = msgspec.json.Decoder(EventMessage).decode
_DECODE_IMPRESSION = msgspec.json.Decoder(ImpressionMessage).decode
_DECODE_SERVED = msgspec.json.Decoder(ServedMessage).decode


def decode_user(envelope: Envelope, bounds: TimeBounds) -> UserRow:
    message = _DECODE_USER(resolve_user(envelope))
    until = parse_end(message.status_until)
    row = UserRow(
        id=given_id("id", message.id),
        name=message.name,
        surname=message.surname,
        birth_year=message.birth_year,
        currency=message.currency,
        country=message.country,
        gender=message.gender,
        timestamp=parse_time("timestamp", message.timestamp, bounds.past),
        favorite_sport=message.favorite_sport,
        favorite_league=message.favorite_league,
        status=message.status,
        status_until=until,
        birth_date=message.birth_date,
        stake_limit=_limit("stake_limit", message.stake_limit),
        limit_left=_limit("limit_left", message.limit_left),
        personalisation=False if message.personalisation is None else message.personalisation,
    )
    if until is not None and row.status_until is None and row.status != UserStatus.ACTIVE:
        text = "%s: status_until is ignored: the status is closed, or would end before the message's timestamp"
        logger.warning(text, envelope.place)
    # set last: the end was compared with the time in the message, and both may be ahead
    row.timestamp = not_ahead(row.timestamp, envelope, bounds)
    return row


def decode_event(envelope: Envelope, bounds: TimeBounds) -> EventRow:
    """Decode an event. Without a `timestamp` it is valid as of its first sending."""
    message = _DECODE_EVENT(resolve_event(envelope))
    if message.timestamp is None:
        as_of = sent_time(envelope, bounds)
    else:
        as_of = not_ahead(parse_time("timestamp", message.timestamp, bounds.past), envelope, bounds)
    row = EventRow(
        id=given_id("id", message.id),
        begin_timestamp=parse_time("begin_timestamp", message.begin_timestamp, bounds.future),
        end_timestamp=parse_time("end_timestamp", message.end_timestamp, bounds.future),
        start_time_tbd=message.start_time_tbd,
        country=message.country,
        league=message.league,
        home_team=message.home_team,
        away_team=message.away_team,
        sport=message.sport,
        odd=_odd(message, bounds),
        category=message.category,
        status=message.status,
        timestamp=as_of,
    )
    if not isinstance(message.markets, UnsetType):
        row.markets = _markets(message, bytes(message.markets), bounds, as_of)
    if not (row.country and row.league):  # blank, which changes no field: read field by field
        raise InvalidRow("missing", "league" if row.country else "country", "must not be empty")
    return row


def _markets(message: EventMessage, given: bytes, bounds: TimeBounds, as_of: datetime) -> OddsRow:
    if message.producer is None:
        raise InvalidRow("missing", "producer", "is required with markets")
    odd_format = bounds.odd_format if message.odd_format is None else parse_format(message.odd_format)
    read = read_markets(given, odd_format, bounds.market_words)
    return event_odds(market_text("producer", message.producer), read, as_of)


def _odd(message: EventMessage, bounds: TimeBounds) -> Decimal:
    odd_format, given = message.odd_format, bytes(message.odd)
    if odd_format is None and bounds.odd_format is OddFormat.DECIMAL:  # the usual case
        return fields.amount("odd", given)
    return read_odd("odd", given, bounds.odd_format if odd_format is None else parse_format(odd_format))


def decode_served(envelope: Envelope, bounds: TimeBounds) -> ServedRow:
    message = _DECODE_SERVED(envelope.value or b"")
    return ServedRow(
        recommendation_id=message.recommendation_id,
        user_id=message.user_id,
        timestamp=time_in_json("timestamp", message.timestamp, bounds.past),
        recommender=message.recommender,
        asked_for=message.asked_for,
        fallback=message.fallback,
        model_version=message.model_version,
        stake=fields.amount("stake", bytes(message.stake)),
        currency=message.currency,
        events=_convert_each("events", message.events, _served_event),
        took_ms=message.took_ms,
        placement=message.placement,
        experiment=message.experiment,
        variant=message.variant,
        propensity=message.propensity,
        shown=message.shown,
        refusal=message.refusal,
    )


def decode_impression(envelope: Envelope, bounds: TimeBounds) -> ImpressionRow:
    """Decode an impression. Without a `timestamp` it has the time of its first sending."""
    message = _DECODE_IMPRESSION(envelope.value or b"")
    given = message.timestamp
    return ImpressionRow(
        recommendation_id=message.recommendation_id,
        user_id=own_id("user_id", message.user_id),
        kind=message.kind,
        event_ids=tuple(own_id(f"event_ids[{number}]", each) for number, each in enumerate(message.event_ids)),
        placement=message.placement,
        timestamp=sent_time(envelope, bounds) if given is None else parse_time("timestamp", given, bounds.past),
    )


def given_id(field: str, value: OwnId | float | None) -> OwnId | None:
    return None if value is None else own_id(field, value)


def _limit(field: str, value: msgspec.Raw | UnsetType) -> Decimal | UnsetType | None:
    if isinstance(value, UnsetType):
        return value
    return None if (given := bytes(value)) == b"null" else fields.amount(field, given)


T = TypeVar("T")
R = TypeVar("R")


def _convert_each(field: str, items: Iterable[T], convert: Callable[[T], R]) -> tuple[R, ...]:
    """The converted items. Raises InvalidRow, whose field has the item's number."""
    converted: list[R] = []
    for number, item in enumerate(items):
        try:
            converted.append(convert(item))
        except (InvalidRow, msgspec.ValidationError) as error:
            wrong = rejection_of(error)
            inner = f"{field}[{number}].{wrong.field}".removesuffix(".")
            raise InvalidRow(wrong.code, inner, getattr(error, "problem", wrong.detail)) from error
    return tuple(converted)


def _served_event(message: ServedEventMessage) -> ServedEventRow:
    row = ServedEventRow(event_id=message.event_id, odd=fields.amount("odd", bytes(message.odd)), score=message.score)
    row.market, row.line, row.outcome = named_outcome(message.market, message.line, message.outcome)
    row.team, row.first_team, row.propensity = message.team, message.first_team, message.propensity
    row.candidates = message.candidates if isinstance(message.candidates, UnsetType) else tuple(message.candidates)
    return row


def parse_time(field: str, value: datetime | float, latest: datetime) -> datetime:
    """The time. Raises InvalidRow for a number that is not a time, and for a time later than `latest`."""
    return _require_not_later(field, fields.time(field, value), latest)


def time_in_json(field: str, given: msgspec.Raw | bytes, latest: datetime) -> datetime:
    return _require_not_later(field, fields.time_in_json(field, bytes(given)), latest)


def _require_not_later(field: str, time: datetime, latest: datetime) -> datetime:
    if time > latest:
        raise InvalidRow("out_of_range", field, f"is {time.isoformat()}, but must not be later than {latest:%Y-%m-%d}")
    return time


def not_ahead(time: datetime, envelope: Envelope, bounds: TimeBounds) -> datetime:
    """The time that orders the message: at the latest its sending, by Kafka's clock, and its receipt. Otherwise
    closings and restrictions would be stale until the time of a message dated ahead."""
    sent_at = envelope.sent_at
    if time.timestamp() * 1_000 - 1 >= sent_at >= _EARLIEST_SENT:  # Kafka has no microseconds
        time = datetime.fromtimestamp(sent_at / 1_000, UTC)
    return bounds.clamp(time)


def sent_time(envelope: Envelope, bounds: TimeBounds) -> datetime:
    """The sending time of the message by Kafka's clock; the time of its receipt if Kafka has no time or an impossible
    one."""
    sent_at = envelope.sent_at
    if sent_at < _EARLIEST_SENT or sent_at >= bounds.received.timestamp() * 1_000:
        return bounds.now()
    return datetime.fromtimestamp(sent_at / 1_000, UTC)


def parse_end(value: datetime | float | None) -> datetime | None:
    """The end of a user's status. None, no end, for a time after the years that can be stored: casinos send the year
    9999 for a permanent exclusion, and applying it is safer than rejecting the message."""
    try:
        end = None if value is None else parse_time("status_until", value, LATEST - _CLOCK_SKEW)
    except InvalidRow:
        return None
    return None if end is None else max(end, EARLIEST)


def _decode_removal(envelope: Envelope, bounds: TimeBounds) -> Removal | Rejection:
    """Decode a message without a value, which deletes the row whose id is its key."""
    row_id = parse_key(envelope.key or b"")
    if row_id is None:
        # rejections are logged, so the text lacks the key, which may be a name
        detail = "a message without a value deletes the row whose id is its key: send it as JSON text, in double quotes"
        return Rejection("bad_key", "", detail)
    return Removal(id=row_id, timestamp=sent_time(envelope, bounds))


def rejection_of(error: Exception) -> Rejection:
    return Rejection(*problem_of(error))

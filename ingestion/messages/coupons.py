"""Decodes messages of coupons: keeps readable selections, and records the unreadable ones.

A coupon is a bet of its user. If one unreadable selection rejected the coupon, the events of its other selections would
be recommended to the user again.

Nearly all coupons have an id and no problem: the decoder checks their types, and no value is checked twice. Any other
coupon is read value by value, which finds the problem.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import TypeVar
from uuid import UUID

import msgspec
from msgspec import UnsetType

from recommendations.errors import InvalidRow
from recommendations.validation import fields
from recommendations.validation.fields import EARLIEST, LATEST, named_outcome
from recommendations.validation.odds import OddFormat, parse_format, read_odd
from recommendations.validation.own_ids import OwnId, own_id
from recommendations.validation.rows import CouponRow, Selection, UnreadSelection, require_selections
from recommendations.validation.settings_limits import limits

from .decoding import Rejection, TimeBounds, given_id, rejection_of, time_in_json
from .envelope import Envelope, Transport
from .formats import RawCouponMessage, SelectionMessage, UsualCouponMessage

T = TypeVar("T")

# Cache sizes: selections with decimal odds, with each other odd format, and stakes. More and longer ones would fill the
# memory: the casino's tallies keep a selection's key with it, of up to four times the JSON's bytes.
_CACHED, _CACHED_OTHERS, _CACHED_STAKES = 16_384, 2_048, 16_384
_CACHED_BYTES, _CACHED_STAKE_BYTES = 512, 32
_VOID = Decimal(1)  # the odd of a selection that pays its stake back


class _CachedJson(dict[bytes, T]):
    """Caches the results of `read` by their JSON: at most `limit` values with at most `max_bytes` of JSON each. A
    dictionary finds bytes in a fifth of the time of `lru_cache`."""

    def __init__(self, read: Callable[[bytes], T], limit: int, max_bytes: int) -> None:
        super().__init__()
        self._read, self._limit, self._max_bytes = read, limit, max_bytes

    def __missing__(self, given: bytes) -> T:
        value = self._read(given)
        if len(given) <= self._max_bytes:
            if len(self) >= self._limit:
                self.clear()
            self[given] = value
        return value


class _Reference(msgspec.Struct):
    """The readable part of an unreadable selection."""

    event_id: int | float | str | None = None


class _DecodedSelection(msgspec.Struct, frozen=True):
    """`selection` is None if it can't be read, and `problem` None if all of it was read. `event_id` is set if it is
    known. `bare` is the JSON, with its odd format, of a selection that identifies its event by the id alone."""

    selection: Selection | None
    problem: Rejection | None
    event_id: OwnId | None
    bare: bytes = b""


_ID_REQUIRED = {
    Transport.HTTP: "is required without an Idempotency-Key: a repeat would count the coupon twice",
    Transport.FILE: "is required: an earlier import of this file numbered its messages by another `each` or format, so "
    "that the coupon might count twice. Map an id, or import with the first mapping and format",
}

_DECODE_USUAL = msgspec.json.Decoder(UsualCouponMessage).decode
_DECODE_COUPON = msgspec.json.Decoder(RawCouponMessage).decode
_DECODE_UUID = msgspec.json.Decoder(UUID).decode
_DECODE_SELECTION = msgspec.json.Decoder(SelectionMessage).decode
_DECODE_REFERENCE = msgspec.json.Decoder(_Reference).decode
_DECODE_PARTS = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_MATCH_FIELDS = ("sport", "country", "league", "home_team", "away_team", "name", "category")
_MISSING = (b"null", b'""')


def decode_coupon(envelope: Envelope, bounds: TimeBounds) -> CouponRow:
    """The coupon with its readable selections. Raises InvalidRow if there are none, unless all others have an event
    id."""
    return usual_coupon(envelope, bounds) or any_coupon(envelope, bounds)


def usual_coupon(envelope: Envelope, bounds: TimeBounds) -> CouponRow | None:
    """The coupon if it has an id and no problem, else None. Faster than `any_coupon`."""
    try:
        message = _DECODE_USUAL(envelope.value or b"")
        if not 0 < len(message.recommended_events) <= limits.selections:  # checked before reading the selections
            return None
        coupon_id, user_id, time = message.id, message.user_id, message.timestamp
        coupon_id = coupon_id if isinstance(coupon_id, int) else own_id("id", coupon_id)
        user_id = user_id if isinstance(user_id, int) else own_id("user_id", user_id)
        if not isinstance(time, datetime) or time.tzinfo is not UTC:
            time = fields.instant("timestamp", fields.time("timestamp", time))
        stake = _STAKES[bytes(message.stake)]
        decoded = _decode_selections(message.recommended_events, message.odd_format or bounds.odd_format)
    except (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    selections = tuple([each.selection for each in decoded if each.selection is not None and each.problem is None])
    if len(selections) < len(decoded) or not EARLIEST <= time <= bounds.past < LATEST:
        return None
    return CouponRow.of_valid(
        id=coupon_id,
        user_id=user_id,
        stake=stake,
        timestamp=time,
        recommended_events=selections,
        recommendation_id=message.recommendation_id,
    )


def any_coupon(envelope: Envelope, bounds: TimeBounds) -> CouponRow:
    """Like `decode_coupon`, value by value."""
    message = _DECODE_COUPON(envelope.value or b"")
    require_selections(len(message.recommended_events))
    decoded = _decode_selections(message.recommended_events, message.odd_format or bounds.odd_format)
    selections = tuple([each.selection for each in decoded if each.selection is not None])
    problems = [each.problem for each in decoded if each.problem is not None]
    if not selections and all(each.event_id is None for each in decoded):
        raise _invalid_row(decoded)
    source = envelope.source if message.id is None else None
    if source == "":
        raise InvalidRow("missing", "id", _ID_REQUIRED[envelope.place.transport])
    return CouponRow(
        id=given_id("id", message.id),
        user_id=own_id("user_id", message.user_id),
        stake=fields.amount("stake", bytes(message.stake)),
        timestamp=time_in_json("timestamp", message.timestamp, bounds.past),
        recommended_events=selections,
        unread_selections=_unread(decoded) if problems else None,
        recommendation_id=_recommendation_id(message.recommendation_id),
        source=source,
    )


def _recommendation_id(given: msgspec.Raw | UnsetType) -> UUID | None:
    """The UUID; None for any other value: a coupon counts even if its recommendation's id is invalid."""
    if isinstance(given, UnsetType):
        return None
    with suppress(msgspec.DecodeError):
        return _DECODE_UUID(given)
    return None


def _decode_selections(given: Iterable[msgspec.Raw], odd_format: str) -> list[_DecodedSelection]:
    """The selections; `odd_format` is the default format of their odds."""
    known = _DECODED.get(odd_format if odd_format in _DECODED else odd_format.strip().lower())
    if known is None:
        return [_decode_selection(bytes(each), odd_format) for each in given]
    return [*map(known.__getitem__, map(bytes, given))]


def _decode_selection(raw: bytes, odd_format: str) -> _DecodedSelection:
    try:
        message = _DECODE_SELECTION(raw)
        home_team, away_team = _teams(message)
        selection = Selection(
            event_id=given_id("event_id", message.event_id),
            country=message.country or "",
            league=message.league or "",
            home_team=home_team,
            away_team=away_team,
            sport=message.sport,
            category=message.category,
        )
        selection.market, selection.line, selection.outcome = named_outcome(
            message.market, message.line, message.outcome
        )
    except (InvalidRow, msgspec.ValidationError) as error:
        event_id = _event_id(raw)
        bare = b"" if event_id is None else _bare(raw, odd_format)
        return _DecodedSelection(None, rejection_of(error), event_id, bare)
    try:
        selection.odd = _odd(message.odd, message.odd_format or odd_format)
    except InvalidRow as error:
        return _DecodedSelection(selection, rejection_of(error), selection.event_id)
    return _DecodedSelection(selection, None, selection.event_id)


def _teams(message: SelectionMessage) -> tuple[str, str]:
    """The teams; for a one-sided event its name and empty text. Raises InvalidRow if only one team is given."""
    home, away = message.home_team or "", message.away_team or ""
    if home and away:
        return home, away
    if message.name and not home and not away:
        return message.name, ""
    raise InvalidRow("missing", "away_team" if home else "home_team", "is required, or the name of a one-sided event")


def _odd(given: msgspec.Raw | UnsetType, odd_format: str) -> Decimal | None:
    """The odd; None for a void selection. Raises InvalidRow for a value that is no odd."""
    if isinstance(given, UnsetType) or (raw := bytes(given)) == b"null":
        return None
    is_decimal = odd_format == OddFormat.DECIMAL  # the usual case
    odd = fields.amount("odd", raw) if is_decimal else read_odd("odd", raw, parse_format(odd_format))
    return None if odd <= _VOID else fields.odd("odd", odd)


def _event_id(raw: bytes) -> OwnId | None:
    """The event's id in an unreadable selection."""
    try:
        return given_id("event_id", _DECODE_REFERENCE(raw).event_id)
    except (InvalidRow, msgspec.ValidationError):
        return None


def _bare(raw: bytes, odd_format: str) -> bytes:
    """The selection with its odd format, if it has no field of its match; else empty."""
    parts = _DECODE_PARTS(raw)
    if any(bytes(parts[name]) not in _MISSING for name in _MATCH_FIELDS if name in parts):
        return b""
    bare = {name: value for name, value in parts.items() if name not in _MATCH_FIELDS}
    return msgspec.json.encode({"odd_format": odd_format} | bare)


def complete_coupon(coupon: CouponRow, matches: Mapping[OwnId, Mapping[str, str]]) -> CouponRow:
    """The coupon, with the selections that had only an event id completed if the event's match is known. `matches`:
    event id -> fields of the match."""
    selections, unread = list(coupon.recommended_events), []
    for each in coupon.unread_selections or ():
        match = matches.get(each.event_id) if each.bare and each.event_id is not None else None
        note = msgspec.structs.replace(each, bare=b"")
        if match is None:
            unread.append(note)
            continue
        decoded = _decode_selection(msgspec.json.encode(_DECODE_PARTS(each.bare) | dict(match)), OddFormat.DECIMAL)
        if decoded.selection is not None:
            selections.append(decoded.selection)
        if decoded.problem is not None:
            unread.append(msgspec.structs.replace(note, code=decoded.problem.code, field=decoded.problem.field))
    found = copy(coupon)  # the natural key stays
    found.recommended_events, found.unread_selections = tuple(selections), tuple(unread) or None
    return found


def _unread(decoded: Sequence[_DecodedSelection]) -> tuple[UnreadSelection, ...]:
    return tuple(
        UnreadSelection(
            number=number,
            code=each.problem.code,
            field=each.problem.field,
            event_id=each.event_id,
            bare=each.bare,
        )
        for number, each in enumerate(decoded)
        if each.problem is not None
    )


def _invalid_row(decoded: Sequence[_DecodedSelection]) -> InvalidRow:
    """The first problem; its field has the selection's number."""
    number, problem = next((n, each.problem) for n, each in enumerate(decoded) if each.problem is not None)
    inner = f"recommended_events[{number}].{problem.field}".removesuffix(".")
    return InvalidRow(problem.code, inner, problem.detail.removeprefix(f"{problem.field} "))


_DECODED: dict[str, _CachedJson[_DecodedSelection]] = {
    each: _CachedJson(
        partial(_decode_selection, odd_format=each),
        _CACHED if each == OddFormat.DECIMAL else _CACHED_OTHERS,
        _CACHED_BYTES,
    )
    for each in OddFormat
}
_STAKES = _CachedJson(
    lambda given: fields.coupon_stake("stake", fields.amount("stake", given)), _CACHED_STAKES, _CACHED_STAKE_BYTES
)

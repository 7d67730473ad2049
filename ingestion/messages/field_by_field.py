"""Reads a message of users or events that is no complete row, field by field.

A partial message whose fields are all readable changes the stored row. Any other is rejected, but may close or
restrict.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.validation import fields
from recommendations.validation.changes import Change, EventChange
from recommendations.validation.normal_form import name_form
from recommendations.validation.own_ids import OwnId, own_id
from recommendations.validation.rows import EventRow, UserRow
from recommendations.validation.status_words import Words

from .decoding import Partial, Rejection, TimeBounds, not_ahead, rejection_of, sent_time, time_in_json
from .encodings import parse_key
from .envelope import Envelope
from .field_scan import Fields, find_fields, scan_fields
from .outcome_parts import READ_TEXT
from .partial_formats import NULL, Key, PartialFormat
from .restrictions import UNKNOWN_WORD, ReadFields, Values

_UNREADABLE = (InvalidRow, msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, ArithmeticError)
_MOST_IDS = 100  # ids per message: each becomes a change in memory
_DAMAGED_CODES = frozenset({"too_large", "undecodable"})
# The only value of a list, or of an object such as MongoDB's {"$numberLong": "7"} and {"$oid": ".."}.
_INNER_ID = re.compile(rb'[\s\[]*(?:\{\s*"[^"]*"\s*:\s*)?("(?:[^"\\]|\\.)*"|[^\s"\[\]{},:]+)[\s\]}]*')
_LONGEST_ID = 1_000  # bytes, including escapes
_DECODE_ID = msgspec.json.Decoder(int | float | str).decode
_NUMBER_IN_TEXT = re.compile(r"\s*\+?0*([1-9][0-9]*)(?:\.0*)?\s*", re.ASCII)
_WITHHELD: Values = {"is_withheld": True}


def read_field_by_field(
    kind: PartialFormat, envelope: Envelope, bounds: TimeBounds, rejection: Rejection, own_words: Words
) -> UserRow | EventRow | Partial | Rejection:
    """The result for a message rejected as a complete row: the row, if only the casino's own words were unknown; the
    change of a stored row; or the rejection, with the message's closings and restrictions."""
    is_damaged = rejection.code in _DAMAGED_CODES
    found = scan_fields(envelope.value or b"") if is_damaged else find_fields(envelope, kind.resolve)
    read = ReadFields(found.is_whole)
    timestamp = _time(kind, found, envelope, bounds, read)
    read.values["timestamp"] = timestamp
    _read_fields(kind, found, bounds, own_words, read)
    as_of = not_ahead(timestamp, envelope, bounds)
    ids = list(dict.fromkeys(islice(_ids(found, read), _MOST_IDS)))
    try:
        if found.is_whole and not read.unreadable and len(ids) <= 1:
            return _row_or_change(kind, found, read, ids, as_of)
    except InvalidRow as error:
        read.problems.setdefault(error.field, error)
    rejection = _reason(rejection, read)
    keys, is_certain = _restricted_rows(kind, found, envelope, read, ids)
    restrictions = kind.restrictions(read)
    if not is_certain and (restrictions or len(keys) > 1):
        restrictions = _WITHHELD
    changes = tuple(_change(kind, key, {**restrictions, "timestamp": timestamp}, as_of) for key in keys if restrictions)
    return msgspec.structs.replace(rejection, changes=changes, unknown_word=read.unknown_word)


def _row_or_change(
    kind: PartialFormat, found: Fields, read: ReadFields, ids: list[OwnId], as_of: datetime
) -> UserRow | EventRow | Partial:
    """The row or change of a message whose fields are all readable. Raises InvalidRow if fields contradict each other,
    the row is not identified, or the message belongs to another topic."""
    if kind.required <= {name for name, value in read.values.items() if value is not None}:
        return _row(kind, read, ids, as_of)
    if foreign := sorted(kind.foreign & found.values.keys()):
        # an event sent as a user: its status `open` would activate the user with the same id
        text = "is a field of another topic's messages: send the message there"
        raise InvalidRow("inconsistent", foreign[0], text)
    key, lacking = _key(kind, read, ids), kind.lacking(read)
    change = _change(kind, key, {**read.values, "makes_row": not lacking}, as_of)
    if isinstance(change, EventChange) and change.makes_row:
        change.first_row()  # reports contradictory fields before storing
    field = lacking[0] if lacking else "id"
    unless_stored = Rejection("missing", field, f"{field} is required of what is not stored yet: send it once")
    return Partial(change, unless_stored)


def _reason(rejection: Rejection, read: ReadFields) -> Rejection:
    """The reason for a rejection. The problem of a field replaces the decoder's reason if that is a missing field,
    which a partial message may lack, or a format of times and dates that only this reader accepts."""
    problems = read.problems
    if rejection.code == "wrong_type" and rejection.field in problems:
        return rejection_of(problems[rejection.field])
    is_read = rejection.code == "wrong_type" and rejection.field in read.values
    if rejection.code != "missing" and not is_read:
        return rejection
    if problems:
        return rejection_of(problems[min(problems)])
    if read.unreadable:
        field = min(read.unreadable)
        return Rejection("wrong_type", field, f"{field} can't be read")
    return rejection


def _restricted_rows(
    kind: PartialFormat, found: Fields, envelope: Envelope, read: ReadFields, ids: list[OwnId]
) -> tuple[list[Key], bool]:
    """The keys of the rows that a rejected message may be about, and whether it is certainly about them. The Kafka key
    decides if the id may be cut, is in an inner object or has another format, and for a message that is not JSON."""
    by_key: list[Key] = [{"id": row_id} for row_id in _id_of_key(envelope)]
    keys: list[Key] = [{"id": row_id} for row_id in ids]
    if not keys:
        return [*_natural_keys(kind, read), *by_key], True
    is_doubtful = found.is_id_doubtful or any(given != NULL and _own_id(given) is None for given in found.values["id"])
    if is_doubtful or (by_key and not found.is_whole):
        return keys + [key for key in by_key if key not in keys], keys == by_key
    return keys, len(keys) == 1


def _row(kind: PartialFormat, read: ReadFields, ids: list[OwnId], as_of: datetime) -> UserRow | EventRow:
    """The complete row. Raises InvalidRow if fields contradict each other."""
    row = kind.row(id=ids[0] if ids else None, **read.values)
    row.timestamp = as_of
    return row


def _key(kind: PartialFormat, read: ReadFields, ids: list[OwnId]) -> Key:
    """The key of the row: its id, or its natural key. Raises InvalidRow if the message has neither."""
    if ids:
        return {"id": ids[0]}
    if unnamed := kind.unnamed(read):
        raise InvalidRow("missing", unnamed[0], f"is required without an id: send {', '.join(unnamed)}, or the id")
    return kind.key_of(read)


def _change(kind: PartialFormat, key: Key, values: Values, as_of: datetime) -> Change:
    change = kind.change(**key, **values)
    change.timestamp = as_of  # set last: the end of a status was compared with the time in the message
    return change


def _time(kind: PartialFormat, found: Fields, envelope: Envelope, bounds: TimeBounds, read: ReadFields) -> datetime:
    """The time in the message, or else its sending time."""
    for given in found.values.get("timestamp", ()):
        if given != NULL or "timestamp" not in kind.nulls:
            try:
                return fields.instant("timestamp", time_in_json("timestamp", given, bounds.past))
            except _UNREADABLE as error:
                read.refuse("timestamp", error)
    return sent_time(envelope, bounds)


def _read_fields(kind: PartialFormat, found: Fields, bounds: TimeBounds, own_words: Words, read: ReadFields) -> None:
    for name in kind.names:
        given = list(dict.fromkeys(found.values.get(name, ())))
        if len(given) > 1:
            read.unreadable.add(name)
        elif given and name in kind.nulls and _is_empty(kind, name, given[0]):
            if kind.nulls[name] is not UNSET:
                read.values[name] = kind.nulls[name]
        elif given:
            try:
                read.values[name] = _field(kind, name, given[0], bounds, found)
            except _UNREADABLE as error:
                read.refuse(name, error)
    for given_status in found.values.get("status", ()):
        if given_status != NULL:
            _read_status(kind, given_status, own_words, read)
    if len(set(read.statuses)) > 1:
        read.unreadable.add("status")
    kind.complete(found, read)


def _is_empty(kind: PartialFormat, name: str, given: bytes) -> bool:
    """Whether the value is null or, in some fields, text without content, as in files."""
    if given == NULL or name not in kind.blanks or not given.startswith(b'"'):
        return given == NULL
    with suppress(*_UNREADABLE):
        return not name_form(READ_TEXT(given))
    return False


def _field(kind: PartialFormat, name: str, given: bytes, bounds: TimeBounds, found: Fields) -> Any:
    read = kind.read.get(name)
    value = kind.decoders[name](given) if read is None else read(given, bounds, found)
    validate = kind.change.VALIDATORS.get(name)
    return value if validate is None or value is None else validate(name, value)


def _read_status(kind: PartialFormat, given: bytes, own_words: Words, read: ReadFields) -> None:
    try:
        word = READ_TEXT(given)
    except _UNREADABLE:
        word = given.decode("latin-1")
    try:
        status = kind.status_of(word, own_words)
    except InvalidRow as error:
        read.statuses.append(UNKNOWN_WORD)
        read.unknown_word = word
        read.refuse("status", error)
        return
    read.statuses.append(status)
    read.values["status"] = status


def _ids(found: Fields, read: ReadFields) -> Iterable[OwnId]:
    """The ids in the message, including those in another format."""
    for given in dict.fromkeys(found.values.get("id", ())):
        if given == NULL:
            continue
        own = _own_id(given)
        if own is None:
            read.unreadable.add("id")
            own = _id_in_other_form(given)
        if own is not None:
            yield own


def _own_id(given: bytes) -> OwnId | None:
    with suppress(*_UNREADABLE):
        return own_id("id", _DECODE_ID(given))
    return None


def _id_in_other_form(given: bytes) -> OwnId | None:
    """The id in an unusual format: the only value of a list or object; text with blanks around it, or of a number with
    a sign or decimals."""
    inner = _INNER_ID.fullmatch(given) if len(given) <= _LONGEST_ID else None
    with suppress(*_UNREADABLE):
        value = None if inner is None else _DECODE_ID(inner[1])
        if isinstance(value, str):
            number = _NUMBER_IN_TEXT.fullmatch(value)
            value = value.strip() if number is None else number[1]
        return None if value is None else own_id("id", value)
    return None


def _natural_keys(kind: PartialFormat, read: ReadFields) -> Iterable[Key]:
    with suppress(LookupError):
        yield kind.key_of(read)


def _id_of_key(envelope: Envelope) -> Iterable[OwnId]:
    key = parse_key(envelope.key or b"")
    if key is not None:
        yield key

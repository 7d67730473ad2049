"""Messages with a repeated field, of which JSON decoders take the last, even if it permits more, or whose name has
another case, which they ignore.

For fields that restrict, the strictest value is used instead, in any case of the name. Only these fields are searched
for, by a regular expression, in a fifth of the time of decoding the message; reading all fields as pairs would take
twice that time. A field of a market or an outcome with different values closes it.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from typing import Any

from recommendations.errors import InvalidRow
from recommendations.validation import status_words
from recommendations.validation.own_ids import own_id
from tenants.numbers import parse_decimal

from .envelope import Envelope

logger = logging.getLogger(__name__)

Choose = Callable[[Sequence[Any], Envelope], Any]
_Pairs = list[tuple[str, Any]]

ESCAPED_NAME = re.compile(rb'"[^"\\]*\\u[^"]*"\s*:')
_UNKNOWN_RANK = 2
_PRODUCER_STATUSES = {"UP": "UP", "ALIVE": "UP", "DOWN": "DOWN"}
_LONGEST_NUMBER = 400  # digits
_NO_LIMIT, _UNREADABLE = Decimal("Infinity"), Decimal("-Infinity")
# Field of a market or an outcome -> the value that replaces different ones. Without a usable name or outcomes the
# market can't be read, and is closed as a whole; so is a market with two lines, since the right one is unknown.
_CLOSING: dict[str, dict[str, Any]] = {
    "market": {"market": None},
    "line": {"market": None},
    "outcomes": {"outcomes": None},
    "outcome": {"outcome": None},
    "odd": {"odd": None},
    "status": {"status": "suspended"},
}


def _differing(field: str) -> InvalidRow:
    return InvalidRow("inconsistent", field, "occurs more than once, with different values: send it once")


def _same_row(field: str) -> Choose:
    """Chooses the id, if all values are forms of the same one, such as 31 and "31"."""

    def choose(values: Sequence[Any], _: Envelope) -> Any:
        if all(isinstance(value, int | float | str) and not isinstance(value, bool) for value in values):
            with suppress(InvalidRow):
                ids = {own_id(field, value) for value in values}
                if len(ids) == 1:
                    return ids.pop()
        raise _differing(field)

    return choose


def _equal_value(field: str) -> Choose:
    """Rejects different values."""

    def choose(_: Sequence[Any], __: Envelope) -> Any:
        raise _differing(field)

    return choose


def _incomplete(_: Sequence[Any], __: Envelope) -> Any:
    return {"complete": False}


def producer_status(word: str) -> str:
    """UP or DOWN. Raises InvalidRow."""
    status = _PRODUCER_STATUSES.get(word.strip().upper())
    if status is None:
        raise InvalidRow("unknown_value", "status", "must be down or up")
    return status


def _sending_time(_: Sequence[Any], envelope: Envelope) -> int:
    return envelope.sent_at


def _strictest(status_of: Callable[[str], str], mildest: str, *strict: str) -> Choose:
    """Chooses the strictest word. Null and an absent value are milder than any; an unknown one is stricter than the
    mildest."""
    ranks = {mildest: 1} | {word: rank for rank, word in enumerate(strict, start=3)}

    def rank(value: Any) -> int:
        if value is None:
            return 0
        with suppress(InvalidRow):
            return ranks[status_of(value)] if isinstance(value, str) else _UNKNOWN_RANK
        return _UNKNOWN_RANK

    return lambda values, _: max(values, key=rank)


def _no_end(_: Sequence[Any], __: Envelope) -> None:
    return None


def _no_consent(_: Sequence[Any], __: Envelope) -> bool:
    return False


def _lowest(values: Sequence[Any], _: Envelope) -> Any:
    """The lowest limit; null means no limit. An unreadable value is returned, so that the message is rejected for
    it."""

    def limit(value: Any) -> Decimal:
        if value is None:
            return _NO_LIMIT
        number = parse_decimal(value) if isinstance(value, str) else None
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return Decimal(str(value)) if is_number else _UNREADABLE if number is None else number

    return min(values, key=limit)


def _odd_or_none(values: Sequence[Any], _: Envelope) -> Any:
    """The last odd; null (no price) if any of the odds is unusable."""

    def is_usable(value: Any) -> bool:
        number = parse_decimal(value) if isinstance(value, str) else value
        return isinstance(number, int | float | Decimal) and number > 1  # True is not above 1

    return values[-1] if all(map(is_usable, values)) else None


def _youngest(values: Sequence[Any], _: Envelope) -> Any:
    """The latest date or year; all have the same format. Null counts as the earliest."""
    return max(values, key=lambda value: "" if value is None else str(value))


def _resolver(pattern: bytes, choose: Mapping[str, Choose]) -> Callable[[Envelope], bytes]:
    """A function that returns a message with each field of `choose` once. It raises InvalidRow for different ids.
    `pattern` matches the names in any case; it may also match values, which does no harm."""
    find = re.compile(pattern, re.IGNORECASE).findall
    is_in_lower_case = frozenset(f'"{name}"'.encode() for name in choose).issuperset

    def resolve(envelope: Envelope) -> bytes:
        value = envelope.value or b""
        found = find(value)
        if (
            len(set(found)) == len(found)
            and is_in_lower_case(found)
            and not (b"\\" in value and ESCAPED_NAME.search(value))
        ):
            return value
        return _resolve(value, choose, envelope)

    return resolve


def _whole_number(digits: str) -> int | str:
    """The number, or its text if it has more digits than Python converts: the decoder skips it in unknown fields."""
    return int(digits) if len(digits) <= _LONGEST_NUMBER else digits


def _resolve(value: bytes, choose: Mapping[str, Choose], envelope: Envelope) -> bytes:
    objects: list[_Pairs] = []  # the last one is the message itself
    is_clear = True

    def note(pairs: _Pairs) -> dict[str, Any]:
        nonlocal is_clear
        objects.append(pairs)
        names = [name for name, _ in pairs]
        is_clear &= len({name.lower() for name in names}) == len(names) and all(name == name.lower() for name in names)
        return _close_differing_fields(pairs)

    try:
        # replaced: the decoder skips unknown fields even if their bytes are no text
        fields = json.loads(value.decode(errors="replace"), object_pairs_hook=note, parse_int=_whole_number)
    except ValueError:  # the decoder rejects it with a better reason
        return value
    if is_clear or not isinstance(fields, dict):
        return value
    for name, choose_one in choose.items():
        values = [each for field, each in objects[-1] if field.lower() == name]
        if values:
            fields[name] = values[-1]
        if any(each != values[0] for each in values[1:]):
            fields[name] = choose_one(values, envelope)
            logger.warning("%s: %s occurs more than once; the strictest value counts", envelope.place, name)
    return json.dumps(fields).encode()


# Without groups, and with common prefixes factored out, the search takes two thirds of the time.
resolve_user = _resolver(
    rb'"(?:id|timestamp|sta(?:tus(?:_until)?|ke_limit)|limit_left|birth_(?:year|date)|personalisation)"',
    {
        "id": _same_row("id"),
        "timestamp": _sending_time,
        "status": _strictest(status_words.user_status, "ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED"),
        "status_until": _no_end,
        "stake_limit": _lowest,
        "limit_left": _lowest,
        "birth_year": _youngest,
        "birth_date": _youngest,
        "personalisation": _no_consent,
    },
)
resolve_event = _resolver(
    rb'"(?:id|odd(?:_format)?|timestamp|status)"',
    {
        "id": _same_row("id"),
        "odd": _odd_or_none,
        "odd_format": _equal_value("odd_format"),
        "timestamp": _sending_time,
        "status": _strictest(status_words.event_status, "OPEN", "LIVE", "SUSPENDED", "CANCELLED", "SETTLED"),
    },
)
_CHOICES_OF_ODDS: Mapping[str, Choose] = {
    "event_id": _same_row("event_id"),
    **{name: _equal_value(name) for name in ("producer", "timestamp", "markets", "stop", "odd_format")},
    "heartbeat": _incomplete,
    "status": _strictest(producer_status, "UP", "DOWN"),
}


def resolve_odds(envelope: Envelope) -> bytes:
    """A message of `odds` with each field once. It is parsed without a search, since its markets always repeat names.
    Raises InvalidRow for different values."""
    return _resolve(envelope.value or b"", _CHOICES_OF_ODDS, envelope)


def _close_differing_fields(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """The JSON object; a market or an outcome with different values of a field gets the value that closes it."""
    fields: dict[str, Any] = {}
    closing: dict[str, Any] = {}
    for given, value in pairs:
        name = given.lower() if given.lower() in _CLOSING else given
        if name in fields and name in _CLOSING and fields[name] != value:
            closing |= _CLOSING[name]
        fields[name] = value
    return fields | closing

"""The formats of partial messages: the rules for reading users and events field by field."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

import msgspec
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.validation import fields, status_words
from recommendations.validation.changes import EventChange, NamedMatch, UserChange
from recommendations.validation.fields import MarketText, consent_in_json, market_text
from recommendations.validation.identity import former_user_keys, user_key
from recommendations.validation.odds import OddFormat, parse_format, read_odd
from recommendations.validation.rows import EventRow, UserRow
from recommendations.validation.status_words import Words

from .decoding import TimeBounds, parse_end, time_in_json
from .envelope import Envelope
from .field_scan import Fields
from .formats import EventMessage, UserMessage
from .market_parts import event_odds, read_markets
from .outcome_parts import OFF_THE_BOARD, READ_TEXT
from .repeated_fields import resolve_event, resolve_user
from .restrictions import ReadFields, Values, event_restrictions, user_restrictions

NULL = b"null"

_READ_MARKET_TEXT = msgspec.json.Decoder(MarketText).decode
_READ_TEXTS = msgspec.json.Decoder(list[str]).decode
_EMPTY = frozenset({NULL, b'""'})
_NATURAL_KEY = ("name", "surname", "birth_year", "country")

Read = Callable[[bytes, TimeBounds, Fields], Any]
Key = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class PartialFormat:
    """The rules for reading messages of one topic field by field.

    `required`: the fields of a complete row. `lacking`: returns the missing fields of a new row. `foreign`: the fields
    of other topics' messages only. `read`: readers of fields with more forms than the decoder reads. `nulls`: the
    meaning of null in a field, UNSET for no change; in other fields null can't be read. `blanks`: fields in which empty
    text means null. `key_of`: returns the natural key of a row without an id, or raises LookupError if fields are
    missing; `unnamed` returns the fields that the key lacks to be exact. `named_by`: sets of fields; a message needs
    all fields of one set. `complete` applies the rules that need several fields.
    """

    message: type[msgspec.Struct]
    row: Callable[..., UserRow | EventRow]
    change: type[UserChange] | type[EventChange]
    required: frozenset[str]
    lacking: Callable[[ReadFields], Sequence[str]]
    foreign: frozenset[str]
    nulls: Mapping[str, Any]
    blanks: frozenset[str]
    read: Mapping[str, Read]
    resolve: Callable[[Envelope], bytes]
    status_of: Callable[[str, Words], str]
    restrictions: Callable[[ReadFields], Values]
    unnamed: Callable[[ReadFields], Sequence[str]]
    named_by: Sequence[Sequence[str]]
    key_of: Callable[[ReadFields], Key]
    complete: Callable[[Fields, ReadFields], None]

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the fields that are read one by one."""
        return frozenset(self.decoders) - {"id", "timestamp", "status", "odd_format"}

    @cached_property
    def decoders(self) -> dict[str, Callable[[bytes], Any]]:
        return {each.name: msgspec.json.Decoder(each.type).decode for each in msgspec.structs.fields(self.message)}


def _future_time(name: str) -> Read:
    return lambda given, bounds, _: time_in_json(name, given, bounds.future)


def _price(raw: bytes, bounds: TimeBounds, found: Fields) -> Decimal | None:
    """The odd; None if the message declares that there is none."""
    if raw == NULL or (raw.startswith(b'"') and status_words.normalized(READ_TEXT(raw)) in OFF_THE_BOARD):
        return None
    odd = read_odd("odd", raw, _odd_format(found, bounds.odd_format))
    return None if odd <= 1 else odd


def _odd_format(found: Fields, default: OddFormat) -> OddFormat:
    """The format of the odd. Raises InvalidRow for an unknown format, and for several."""
    formats = {READ_TEXT(each) for each in found.values.get("odd_format", ()) if each != NULL}
    if len(formats) > 1:
        raise InvalidRow("inconsistent", "odd_format", "occurs more than once, with different values: send it once")
    return parse_format(*formats) if formats else default


def _limit(name: str) -> Read:
    return lambda given, *_: None if given == NULL else fields.amount(name, given)


def _name(raw: bytes, *_: object) -> str:
    return fields.classifier("name", READ_TEXT(raw))


def _participants(raw: bytes, *_: object) -> tuple[str, ...]:
    return fields.participants("participants", _READ_TEXTS(raw))


def _complete_event(found: Fields, read: ReadFields) -> None:
    """Withhold an event without a usable odd if the message declares that it has none, or has all other fields."""
    _complete_sides(found, read)
    has_no_odd = "odd" in read.values and read.values["odd"] is None
    is_full = (EVENT_FIELDS - {"odd"}) <= read.values.keys() and "odd" not in found.values
    has_markets = _complete_markets(read) and "odd" not in found.values
    if has_no_odd or is_full or has_markets:
        read.values.pop("odd", None)
        read.values["is_withheld"] = read.values["lacks_odd"] = True


def _complete_markets(read: ReadFields) -> bool:
    """Whether the message has markets, which require a producer. Converts them to an OddsRow."""
    producer, markets = read.values.pop("producer", None), read.values.pop("markets", None)
    if markets is None:
        return False
    if producer is None:
        if "producer" not in read.unreadable:
            read.refuse("producer", InvalidRow("missing", "producer", "is required with markets"))
        return False
    read.values["markets"] = event_odds(producer, markets, read.values["timestamp"])
    return True


def _complete_sides(found: Fields, read: ReadFields) -> None:
    """Keep either the teams, or the name and participants of a one-sided event; drop these if there are teams."""
    teams = [name for name in ("home_team", "away_team") if not set(found.values.get(name, ())) <= _EMPTY]
    if teams:
        unused, is_kept = ("name", "participants"), False
    else:
        unused, is_kept = ("home_team", "away_team"), "name" not in read.values
    for name in unused:
        if name in read.unreadable and is_kept:
            continue
        read.values.pop(name, None)
        read.unreadable.discard(name)
        read.problems.pop(name, None)


def _lacking_event(read: ReadFields) -> list[str]:
    sides = ["home_team", "away_team"] if "name" not in read.values else []
    return [name for name in ("sport", *sides, "begin_timestamp") if name not in read.values]


def _unnamed_user(read: ReadFields) -> list[str]:
    return [name for name in _NATURAL_KEY if read.values.get(name) is None]


def _complete_user(found: Fields, read: ReadFields) -> None:
    """Stop withholding a user whose message is readable. The end of a status needs the status in the same message."""
    if not read.unreadable:
        read.values["is_withheld"] = False
    if "status_until" in read.values and not read.statuses:
        read.unreadable.add("status_until")


def _user_key(read: ReadFields) -> Key:
    values = read.values
    named = values["name"], values["surname"], values["birth_year"], values["country"]
    return {"natural_key": user_key(*named), "former_keys": former_user_keys(*named)}


def _event_key(read: ReadFields) -> Key:
    values = read.values
    is_one_sided = "name" in values
    match = NamedMatch(
        sport=values["sport"],
        home_team=values["name"] if is_one_sided else values["home_team"],
        away_team="" if is_one_sided else values["away_team"],
        country=values.get("country"),
        league=values.get("league"),
        category=values.get("category", None if "category" in read.unreadable or not read.is_whole else ""),
        begin=values.get("begin_timestamp"),
    )
    return {"match": match}


EVENT_FIELDS = frozenset({
    "begin_timestamp", "end_timestamp", "country", "league", "home_team", "away_team", "sport", "odd",
})  # fmt: skip
USER_FIELDS = frozenset({"name", "surname", "birth_year", "currency", "country", "gender", "favorite_sport"})
_EVENT_AND_COUPON_FIELDS = frozenset({
    "home_team", "away_team", "participants", "begin_timestamp", "sport", "odd", "recommended_events",
})  # fmt: skip
_UNCHANGED_BY_NULL = USER_FIELDS | {"timestamp", "status", "status_until", "birth_date"}

PARTIAL_EVENTS = PartialFormat(
    message=EventMessage,
    row=EventRow,
    change=EventChange,
    required=EVENT_FIELDS,
    lacking=_lacking_event,
    foreign=frozenset({"surname", "birth_year", "recommended_events"}),
    nulls=dict.fromkeys(
        (
            "status",
            "timestamp",
            "country",
            "league",
            "category",
            "name",
            "participants",
            "end_timestamp",
            "producer",
            "markets",
        ),
        UNSET,
    ),
    blanks=frozenset({"country", "league", "name"}),
    read={
        "begin_timestamp": _future_time("begin_timestamp"),
        "end_timestamp": _future_time("end_timestamp"),
        "odd": _price,
        "name": _name,
        "participants": _participants,
        "producer": lambda raw, *_: market_text("producer", _READ_MARKET_TEXT(raw)),
        "markets": lambda raw, bounds, found: read_markets(
            raw, _odd_format(found, bounds.odd_format), bounds.market_words
        ),
    },
    resolve=resolve_event,
    status_of=status_words.event_status,
    restrictions=event_restrictions,
    unnamed=_lacking_event,
    named_by=(
        ("id",),
        ("sport", "home_team", "away_team", "begin_timestamp"),
        ("sport", "name", "begin_timestamp"),
    ),
    key_of=_event_key,
    complete=_complete_event,
)
PARTIAL_USERS = PartialFormat(
    message=UserMessage,
    row=UserRow,
    change=UserChange,
    required=USER_FIELDS,
    lacking=lambda _: (),
    foreign=_EVENT_AND_COUPON_FIELDS,
    nulls=dict.fromkeys(_UNCHANGED_BY_NULL, UNSET)
    | {"birth_year": None, "favorite_league": "", "favorite_sport": "", "personalisation": False},
    blanks=frozenset(
        {
            "name",
            "surname",
            "currency",
            "country",
            "gender",
            "favorite_league",
            "favorite_sport",
            "personalisation",
        }
    ),
    read={
        "status_until": lambda given, *_: parse_end(fields.time_in_json("status_until", given)),
        "birth_date": lambda given, *_: fields.date_in_json("birth_date", given),
        "stake_limit": _limit("stake_limit"),
        "limit_left": _limit("limit_left"),
        "personalisation": lambda given, *_: consent_in_json("personalisation", given),
    },
    resolve=resolve_user,
    status_of=status_words.user_status,
    restrictions=user_restrictions,
    unnamed=_unnamed_user,
    named_by=(("id",), _NATURAL_KEY),
    key_of=_user_key,
    complete=_complete_user,
)

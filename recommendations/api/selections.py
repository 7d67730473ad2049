"""The selections and viewed events of a request's body."""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import UnsetType
from rest_framework import serializers

from recommendations.errors import InvalidParameter, InvalidRow
from recommendations.serving.slip_completion import SlipSelection
from recommendations.validation import fields
from recommendations.validation.fields import MarketText, named_outcome
from recommendations.validation.own_ids import own_id
from recommendations.validation.rows import MatchFields

from .names import check_fields

MAX_SELECTIONS, MAX_VIEWED = 50, 100
REQUIRED_FIELDS = ("country", "league", "home_team", "away_team", "sport")
_KNOWN = ("event_id", *REQUIRED_FIELDS, "odd", "category", "market", "line", "outcome")


class _SentSelection(msgspec.Struct):
    """A selection as sent. Without `event_id`, all `REQUIRED_FIELDS` are required; `country`, `league` and `away_team`
    may be empty, as in coupons."""

    event_id: int | float | str | None = None
    country: str | None = None
    league: str | None = None
    home_team: str | None = None
    away_team: str | None = None
    sport: str | None = None
    odd: float | None = None
    category: str = ""
    market: MarketText | None = None
    line: MarketText | None = None
    outcome: MarketText | None = None


class SelectionsField(serializers.Field[Any, Any, Any, Any]):
    """Parses up to `most` selections; checks their number first. It is a single field because one field per item would
    double the time of the request."""

    default_error_messages = {"not_a_list": 'Expected a list of items but got type "{input_type}".'}

    def __init__(self, *, most: int, **more: Any) -> None:
        self._most = most
        super().__init__(**more)

    def to_internal_value(self, data: Any) -> list[SlipSelection]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        if len(data) > self._most:
            raise InvalidParameter(f"{self.field_name} may list at most {self._most} events, not {len(data)}")
        found = []
        for number, each in enumerate(data):
            try:
                found.append(_read(each))
            except (msgspec.ValidationError, InvalidRow, UnicodeEncodeError) as error:  # the last: of a lone surrogate
                raise serializers.ValidationError({str(number): [f"{error}."]}) from error
        return found


class SlipSerializer(serializers.Serializer[Any]):
    """A slip that a user is filling."""

    selections = SelectionsField(most=MAX_SELECTIONS)


class SessionSerializer(serializers.Serializer[Any]):
    """The slip that a visitor who is not logged in is filling, and the events that the visitor viewed."""

    selections = SelectionsField(most=MAX_SELECTIONS, required=False)
    viewed = SelectionsField(most=MAX_VIEWED, required=False)

    def validate(self, attrs: Any) -> Any:
        if not attrs:
            raise serializers.ValidationError("Send selections, viewed, or both; each may be an empty list")
        return attrs


def _read(given: Any) -> SlipSelection:
    """Parse one selection. Raises InvalidRow, InvalidParameter, msgspec.ValidationError."""
    if not isinstance(given, dict):
        raise InvalidRow("wrong_type", "It", "must be an object with an event_id, or with the event's fields")
    check_fields(given, _KNOWN, of="A selection")
    return _selection(msgspec.convert(given, _SentSelection))


def _selection(sent: _SentSelection) -> SlipSelection:
    event_id = None if sent.event_id is None else own_id("event_id", sent.event_id)
    given = {name: value for name in REQUIRED_FIELDS if (value := getattr(sent, name)) is not None}
    missing = [name for name in REQUIRED_FIELDS if name not in given]
    if missing and event_id is None:
        raise InvalidRow("missing", missing[0], f"is missing: send an event_id, or {', '.join(REQUIRED_FIELDS)}")
    named = named_outcome(sent.market, sent.line, sent.outcome)
    market, line, outcome = ("" if isinstance(each, UnsetType) else each for each in named)
    return SlipSelection(
        event_id,
        fields=None if missing else MatchFields(**given, category=sent.category),
        odd=None if sent.odd is None else fields.odd("odd", Decimal(str(sent.odd))),
        market=market,
        line=line,
        outcome=outcome,
    )

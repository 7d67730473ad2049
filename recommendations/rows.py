"""Users, events and coupons as the storing functions take them: validated, upper-cased, with times in UTC.

Making a row raises InvalidRow, which names the field and has a stable code: `missing`, `wrong_type`, `too_long`,
`bad_text`, `unknown_value`, `out_of_range`, `inconsistent`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings

from .errors import InvalidRow
from .models import Currency, Gender

MAX_ID = 2**62  # half of bigint: above the casino's own ids there must be room for those that PostgreSQL hands out
MAX_REFERENCE = 2**63 - 1  # to a user or an event, whoever chose its id
MAX_TEXT = 100
MAX_SELECTIONS = 50
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MAX_ODD = Decimal("999999.999")
MAX_STAKE = Decimal("999999999999.99")

_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11")
_UNIT_SEPARATOR = "\x1f"
_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class UserRow:
    id: int | None = None
    name: str
    surname: str
    birth_year: int
    currency: str
    country: str
    gender: str
    timestamp: datetime
    favorite_sport: str
    favorite_league: str = ""

    def __post_init__(self) -> None:
        _clean(self, "id", _identity)
        _clean(self, "name", _text)
        _clean(self, "surname", _text)
        _clean(self, "birth_year", _birth_year)
        _clean(self, "currency", _one_of, Currency.values)
        _clean(self, "country", _classifier)
        _clean(self, "gender", _one_of, Gender.values)
        _clean(self, "timestamp", _instant)
        if self.birth_year > self.timestamp.year:
            raise InvalidRow("inconsistent", "birth_year", "must not be later than timestamp")
        _clean(self, "favorite_sport", _one_of, settings.SPORTS)
        if self.favorite_league != "":
            _clean(self, "favorite_league", _classifier)

    @property
    def natural_key(self) -> UUID:
        """Tells the user from others; the key where the casino gave no id."""
        return _natural_key("user", self.name, self.surname, str(self.birth_year), self.country)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    id: int | None = None
    begin_timestamp: datetime
    end_timestamp: datetime
    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: Decimal

    def __post_init__(self) -> None:
        _clean(self, "id", _identity)
        for field in ("country", "league", "home_team", "away_team"):
            _clean(self, field, _classifier)
        _clean(self, "sport", _one_of, settings.SPORTS)
        _clean(self, "odd", _odd)
        _clean(self, "begin_timestamp", _instant)
        _clean(self, "end_timestamp", _instant)
        if self.begin_timestamp >= self.end_timestamp:
            raise InvalidRow("inconsistent", "end_timestamp", "must be later than begin_timestamp")
        if self.home_team == self.away_team:
            raise InvalidRow("inconsistent", "away_team", "must differ from home_team")

    @property
    def natural_key(self) -> UUID:
        """Tells the event from others; the key where the casino gave no id."""
        begin = self.begin_timestamp.isoformat()
        return _natural_key("event", self.sport, self.league, self.home_team, self.away_team, begin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One event inside a coupon, as it stood then; `event_id` where it is known."""

    event_id: int | None = None
    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: Decimal

    def __post_init__(self) -> None:
        _clean(self, "event_id", _identity, MAX_REFERENCE)
        for field in ("country", "league", "home_team", "away_team"):
            _clean(self, field, _classifier)
        _clean(self, "sport", _one_of, settings.SPORTS)
        _clean(self, "odd", _odd)


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponRow:
    """`source` names the message that the coupon came by, once and for all: the key where there is no id."""

    id: int | None = None
    user_id: int
    stake: Decimal
    timestamp: datetime
    recommended_events: tuple[Selection, ...]
    source: str | None = None

    def __post_init__(self) -> None:
        _clean(self, "id", _identity)
        _clean(self, "user_id", _identity, MAX_REFERENCE)
        if self.user_id is None:
            raise InvalidRow("missing", "user_id", "is required")
        _clean(self, "stake", _stake)
        _clean(self, "timestamp", _instant)
        if self.id is None and self.source is None:
            raise InvalidRow("missing", "id", "is required for a coupon that did not come through Kafka")
        if not 1 <= len(self.recommended_events) <= MAX_SELECTIONS:
            raise InvalidRow("out_of_range", "recommended_events", f"must list 1 to {MAX_SELECTIONS} selections")

    @property
    def natural_key(self) -> UUID:
        """Tells the coupon from others; the key where the casino gave no id."""
        return _natural_key("coupon", self.source or "")


def _natural_key(*parts: str) -> UUID:
    return uuid5(_NAMESPACE, _UNIT_SEPARATOR.join(parts))


def _clean(row: Any, field: str, rule: Callable[..., Any], *limits: Any) -> None:
    object.__setattr__(row, field, rule(field, getattr(row, field), *limits))


def _identity(field: str, value: int | None, highest: int = MAX_ID) -> int | None:
    if value is not None and not 0 < value <= highest:
        raise InvalidRow("out_of_range", field, f"must be from 1 to {highest}")
    return value


def _text(field: str, value: str) -> str:
    value = " ".join(value.split())
    if not value:
        raise InvalidRow("missing", field, "must not be empty")
    if len(value) > MAX_TEXT:
        raise InvalidRow("too_long", field, f"must have at most {MAX_TEXT} characters")
    if _UNSTORABLE.search(value):
        raise InvalidRow("bad_text", field, "must have no control characters and no lone surrogates")
    return value


def _classifier(field: str, value: str) -> str:
    """Text that classifies is stored upper-case; the length counts after that, since ß becomes SS."""
    return _text(field, value.upper())


def _one_of(field: str, value: str, known: list[str]) -> str:
    value = value.strip().upper()
    if value not in known:
        raise InvalidRow("unknown_value", field, f"must be one of {', '.join(known)}")
    return value


def _instant(field: str, value: datetime) -> datetime:
    """Times without a zone are UTC."""
    value = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not EARLIEST <= value < LATEST:
        raise InvalidRow("out_of_range", field, f"must lie between {EARLIEST.year} and {LATEST.year}")
    return value.astimezone(UTC)


def _birth_year(field: str, value: int) -> int:
    if not 1900 <= value <= 2100:
        raise InvalidRow("out_of_range", field, "must lie between 1900 and 2100")
    return value


def _odd(field: str, value: Decimal) -> Decimal:
    return _amount(field, value, above=Decimal(1), at_most=MAX_ODD, step=Decimal("0.001"))


def _stake(field: str, value: Decimal) -> Decimal:
    return _amount(field, value, above=Decimal(0), at_most=MAX_STAKE, step=Decimal("0.01"))


def _amount(field: str, value: Decimal, *, above: Decimal, at_most: Decimal, step: Decimal) -> Decimal:
    if not value.is_finite() or not above < value <= at_most:
        raise InvalidRow("out_of_range", field, f"must be above {above} and at most {at_most}")
    rounded = value.quantize(step)
    if not above < rounded <= at_most:
        raise InvalidRow("out_of_range", field, f"must be above {above} and at most {at_most}, in steps of {step}")
    return rounded

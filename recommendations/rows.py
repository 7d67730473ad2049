"""Users, events and coupons as the storing functions take them: validated, upper-cased, with times in UTC.

Making a row raises InvalidRow, which names the field and has a stable code: `missing`, `wrong_type`, `too_long`,
`bad_text`, `unknown_value`, `out_of_range`, `inconsistent`.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid5

from django.conf import settings

from . import rules
from .errors import InvalidRow
from .models import Currency, Event, Gender

MAX_SELECTIONS = 50

_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11")
_UNIT_SEPARATOR = "\x1f"


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
        rules.clean(self, "id", rules.identity)
        rules.clean(self, "name", rules.text)
        rules.clean(self, "surname", rules.text)
        rules.clean(self, "birth_year", rules.birth_year)
        rules.clean(self, "currency", rules.one_of, Currency.values)
        rules.clean(self, "country", rules.classifier)
        rules.clean(self, "gender", rules.one_of, Gender.values)
        rules.clean(self, "timestamp", rules.instant)
        if self.birth_year > self.timestamp.year:
            raise InvalidRow("inconsistent", "birth_year", "must not be later than timestamp")
        rules.clean(self, "favorite_sport", rules.one_of, settings.SPORTS)
        if self.favorite_league != "":
            rules.clean(self, "favorite_league", rules.classifier)

    @property
    def natural_key(self) -> UUID:
        """Tells the user from others; the key where the casino gave no id."""
        return _natural_key("user", self.name, self.surname, str(self.birth_year), self.country)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What an event and a selection have in common."""

    country: str
    league: str
    home_team: str
    away_team: str
    sport: str
    odd: Decimal

    def __post_init__(self) -> None:
        for field in ("country", "league", "home_team", "away_team"):
            rules.clean(self, field, rules.classifier)
        rules.clean(self, "sport", rules.one_of, settings.SPORTS)
        rules.clean(self, "odd", rules.odd)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow(Match):
    id: int | None = None
    begin_timestamp: datetime
    end_timestamp: datetime

    def __post_init__(self) -> None:
        Match.__post_init__(self)  # super() does not work in a dataclass with slots
        rules.clean(self, "id", rules.identity)
        rules.clean(self, "begin_timestamp", rules.instant)
        rules.clean(self, "end_timestamp", rules.instant)
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
class Selection(Match):
    """One event inside a coupon, as it stood then; `event_id` where it is known."""

    event_id: int | None = None

    def __post_init__(self) -> None:
        Match.__post_init__(self)
        rules.clean(self, "event_id", rules.identity, rules.MAX_REFERENCE)

    @classmethod
    def of(cls, event: EventRow | Event) -> "Selection":
        """A selection of this event as it stands."""
        return cls(
            event_id=event.id,
            country=event.country,
            league=event.league,
            home_team=event.home_team,
            away_team=event.away_team,
            sport=event.sport,
            odd=event.odd,
        )


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
        rules.clean(self, "id", rules.identity)
        rules.clean(self, "user_id", rules.identity, rules.MAX_REFERENCE)
        if self.user_id is None:
            raise InvalidRow("missing", "user_id", "is required")
        rules.clean(self, "stake", rules.stake)
        rules.clean(self, "timestamp", rules.instant)
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

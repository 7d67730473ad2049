"""Changes: the readable fields of a partial or damaged message about a stored row. Storing functions take them together
with rows.

A field that the message leaves out is UNSET and keeps the stored value. The constructors validate the other fields as
`rows` does, and raise InvalidRow. A change applies to the stored row with its `id`, else with its `natural_key`, else
with its `match`. One that `makes_row` has enough fields to store a new row.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow

from . import fields, status_words
from .markets import OddsRow
from .normal_form import key_form
from .own_ids import OwnId
from .rows import EventRow, UserRow, status_end
from .settings_limits import limits

Validate = Callable[[str, Any], Any]


class _Change(msgspec.Struct, kw_only=True):
    """`waits`: its restrictions wait for a row that is not stored yet. `may_contradict`: the stored row may make the
    change invalid."""

    VALIDATORS: ClassVar[Mapping[str, Validate]] = {}
    may_contradict: ClassVar[bool] = False

    id: OwnId | None = None
    natural_key: UUID | None = None
    timestamp: datetime
    makes_row: bool = False
    waits: bool = True

    def __post_init__(self) -> None:
        self.id = fields.identity("id", self.id)
        self.timestamp = fields.instant("timestamp", self.timestamp)
        for name, validate in self.VALIDATORS.items():
            value = getattr(self, name)
            if value is not UNSET and value is not None:
                setattr(self, name, validate(name, value))

    @property
    def unset_columns(self) -> tuple[str, ...]:
        """The columns without a value in this change; an update keeps their stored values."""
        return tuple(name for name in self.__struct_fields__ if getattr(self, name) is UNSET)


class UserChange(_Change, kw_only=True):
    """`status_until` is set whenever `status` is. `birth_year`: None sets it to unknown. `is_withheld`: True if the
    message was unreadable, else False."""

    VALIDATORS = {
        "name": fields.text,
        "surname": fields.text,
        "birth_year": fields.birth_year,
        "currency": fields.currency,
        "country": fields.classifier,
        "gender": fields.gender,
        "favorite_sport": lambda field, value: value and fields.sport(field, value),
        "favorite_league": lambda field, value: value and fields.classifier(field, value),
        "status": lambda _, value: status_words.user_status(value),
        "stake_limit": fields.limit,
        "limit_left": fields.limit,
    }

    name: str | UnsetType = UNSET
    surname: str | UnsetType = UNSET
    birth_year: int | UnsetType | None = UNSET
    currency: str | UnsetType = UNSET
    country: str | UnsetType = UNSET
    gender: str | UnsetType = UNSET
    favorite_sport: str | UnsetType = UNSET
    favorite_league: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    status_until: datetime | UnsetType | None = UNSET
    birth_date: date | UnsetType = UNSET
    stake_limit: Decimal | UnsetType | None = UNSET
    limit_left: Decimal | UnsetType | None = UNSET
    is_withheld: bool | UnsetType = UNSET
    personalisation: bool | UnsetType = UNSET
    former_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _Change.__post_init__(self)
        if self.status is UNSET:
            if self.status_until is not UNSET:
                raise InvalidRow("inconsistent", "status_until", "requires a status; send both")
        elif isinstance(self.status_until, datetime):
            self.status_until = status_end(str(self.status), self.status_until, self.timestamp)
        else:
            self.status_until = None
        if isinstance(self.birth_date, date):
            if not isinstance(self.birth_year, int):  # otherwise a different stored year would make the date invalid
                self.birth_year = fields.birth_year("birth_date", self.birth_date.year)
            fields.birth_date("birth_date", self.birth_date, self.birth_year)

    @property
    def restricts(self) -> bool:
        """Whether it sets or lifts a restriction."""
        restrictions = (self.status, self.birth_date, self.stake_limit, self.limit_left, self.personalisation)
        return self.is_withheld is True or any(each is not UNSET for each in restrictions)

    @property
    def restrictions(self) -> tuple[object, ...]:
        """The values that decide at equal timestamps: the strictest win."""
        return (
            self.status,
            self.status_until,
            self.birth_year,
            self.birth_date,
            self.stake_limit,
            self.limit_left,
            self.is_withheld,
            self.personalisation,
        )


class NamedMatch(msgspec.Struct, frozen=True, kw_only=True):
    """The fields by which a message names an event without an id; None for a missing or unreadable one. For a one-sided
    event, `home_team` is its name and `away_team` is empty."""

    sport: str
    home_team: str
    away_team: str
    country: str | None = None
    league: str | None = None
    category: str | None = None
    begin: datetime | None = None


class EventChange(_Change, kw_only=True):
    """`is_withheld`: the message has no usable odd, or was unreadable; False with an odd. `lacks_odd`: withheld only
    for the missing odd. `markets`: as of the change's time. A begin without `start_time_tbd` has a known hour. `name`:
    of a one-sided event; it does not change the match. `match`: names an event without an id, whose `natural_key` is
    looked up."""

    VALIDATORS = {
        "country": fields.classifier,
        "begin_timestamp": fields.instant,
        "end_timestamp": fields.instant,
        "league": fields.classifier,
        "sport": fields.sport,
        "odd": fields.odd,
        "home_team": fields.classifier,
        "away_team": fields.classifier,
        "name": fields.classifier,
        "participants": fields.participants,
        "category": lambda field, value: value and fields.classifier(field, value),
        "status": lambda _, value: status_words.event_status(value),
    }

    country: str | UnsetType = UNSET
    begin_timestamp: datetime | UnsetType = UNSET
    end_timestamp: datetime | UnsetType = UNSET
    end_is_estimated: bool | UnsetType = UNSET
    start_time_tbd: bool | UnsetType = UNSET
    league: str | UnsetType = UNSET
    sport: str | UnsetType = UNSET
    odd: Decimal | UnsetType = UNSET
    home_team: str | UnsetType = UNSET
    away_team: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    participants: tuple[str, ...] | UnsetType = UNSET
    category: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    is_withheld: bool | UnsetType = UNSET
    lacks_odd: bool | UnsetType = UNSET
    markets: OddsRow | UnsetType = UNSET
    match: NamedMatch | None = None

    def __post_init__(self) -> None:
        _Change.__post_init__(self)
        if isinstance(self.odd, Decimal):
            self.is_withheld = False
        if isinstance(self.is_withheld, bool) and (self.lacks_odd is UNSET or not self.is_withheld):
            self.lacks_odd = False
        begin, end = self.begin_timestamp, self.end_timestamp
        if begin is not UNSET and self.start_time_tbd is UNSET:
            self.start_time_tbd = False
        if end is not UNSET:
            self.end_is_estimated = False
        if isinstance(begin, datetime) and isinstance(end, datetime) and begin >= end:
            raise InvalidRow("inconsistent", "end_timestamp", f"is {end}; must be later than begin_timestamp")
        home, away = self.home_team, self.away_team
        if isinstance(home, str) and isinstance(away, str) and key_form(home) == key_form(away):
            raise InvalidRow("inconsistent", "away_team", f"is {self.away_team}; must differ from home_team")

    @property
    def restricts(self) -> bool:
        """Whether it sets or lifts a restriction."""
        return self.status is not UNSET or self.is_withheld is True

    @property
    def may_contradict(self) -> bool:  # type: ignore[override]  # a class attribute in the base class
        """Whether it has only one of two related fields, which may not fit the stored value of the other."""
        is_end_alone = (self.begin_timestamp is UNSET) != (self.end_timestamp is UNSET)
        return is_end_alone or (self.home_team is UNSET) != (self.away_team is UNSET)

    def first_row(self) -> EventRow:
        """The event that a change with `makes_row` creates if none is stored. Raises InvalidRow."""
        begin, end, sport = self.begin_timestamp, self.end_timestamp, self.sport
        if not isinstance(begin, datetime) or not isinstance(sport, str):
            raise InvalidRow("missing", "begin_timestamp", "and sport are required in the first message of an event")
        row = EventRow(
            sport=sport,
            country=self.country or "",
            league=self.league or "",
            category=self.category or "",
            home_team=self.home_team or self.name or "",
            away_team=self.away_team or "",
            participants=self.participants or None,
            begin_timestamp=begin,
            end_timestamp=end if isinstance(end, datetime) else begin + limits.usual_length(sport),
            end_is_estimated=not isinstance(end, datetime),
            start_time_tbd=bool(self.start_time_tbd),
            odd=self.odd or None,
            is_withheld=not self.odd or self.is_withheld is True,
            lacks_odd=not self.odd and (self.is_withheld is not True or self.lacks_odd is True),
            markets=self.markets,
            status=self.status or None,
            timestamp=self.timestamp,
        )
        if self.id is not None:  # may be the number of a text id, which the constructor rejects
            row.id, row.natural_key = self.id, None
        return row

    @property
    def is_of_match(self) -> bool:
        """Whether it may change the event's match or teams."""
        match = (self.sport, self.country, self.category, self.home_team, self.away_team, self.begin_timestamp)
        return any(each is not UNSET for each in match)

    @property
    def restrictions(self) -> tuple[object, ...]:
        """The values that decide at equal timestamps: the strictest win."""
        return self.status, self.is_withheld, self.lacks_odd


Change = UserChange | EventChange


_MAY_BE_EMPTY = frozenset({"category", "favorite_sport", "favorite_league"})


def change_of(row: UserRow | EventRow | Change) -> Change:
    """A change with the row's values, without empty ones: the stored row keeps its values."""
    if isinstance(row, Change):
        return row
    kind: type[Change] = UserChange if isinstance(row, UserRow) else EventChange
    shared = set(kind.__struct_fields__) & set(row.__struct_fields__) - set(row.unset_columns)
    values: dict[str, Any] = {name: getattr(row, name) for name in shared}
    values = {name: value for name, value in values.items() if value != "" or name in _MAY_BE_EMPTY}
    if isinstance(row, EventRow):
        values |= {"natural_key": None, "match": None if row.id is not None else _named_match(row)}
        values |= {} if row.odd is not None else {"odd": UNSET}
    return kind(**values)


def _named_match(row: EventRow) -> NamedMatch:
    return NamedMatch(
        sport=row.sport,
        home_team=row.home_team,
        away_team=row.away_team,
        country=row.country,
        league=row.league,
        category=row.category,
        begin=row.begin_timestamp,
    )

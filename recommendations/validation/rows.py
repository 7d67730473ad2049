"""Users, events, coupons, served recommendations and removals as validated rows: the input of the storing functions.

Times are in UTC, classifying text is upper-case. The constructors raise InvalidRow, which names the field and has a
stable code: `missing`, `wrong_type`, `too_long`, `bad_text`, `unknown_value`, `out_of_range`, `inconsistent`. A row
without an id of the casino gets a `natural_key` computed from its content, in place of a given one.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import methodcaller
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from recommendations.errors import InvalidRow
from recommendations.models import Event, UserStatus
from recommendations.models.served import MAX_CANDIDATES, MAX_NAME
from tenants.ids import MAX_ID

from . import fields, status_words
from .fields import named_outcome
from .identity import coupon_key, event_key, former_user_keys, user_key
from .impressions import ImpressionRow
from .markets import OddsRow
from .normal_form import key_form
from .own_ids import OwnId
from .settings_limits import limits

_ENDING_STATUSES = frozenset((UserStatus.SELF_EXCLUDED, UserStatus.TIME_OUT))


class UserRow(msgspec.Struct, kw_only=True):
    """`favorite_sport` and `favorite_league` are empty if unknown.

    A row without `status` (and thus `status_until`), `birth_date`, `stake_limit`, `limit_left` or `personalisation`
    keeps a stored user's values, but a birth date only within the row's `birth_year`. None removes a limit.
    `status_until` is None for a status without an end: CLOSED, ACTIVE, or one whose end lies before `timestamp`.
    `is_withheld` is always False, since an unreadable message is no row. `former_keys`: natural keys under which
    earlier releases may have recorded an erasure of this user."""

    id: OwnId | None = None
    name: str
    surname: str
    birth_year: int
    currency: str
    country: str
    gender: str
    timestamp: datetime
    favorite_sport: str
    favorite_league: str = ""
    status: str | None = None
    status_until: datetime | None = None
    birth_date: date | None = None
    stake_limit: Decimal | UnsetType | None = UNSET
    limit_left: Decimal | UnsetType | None = UNSET
    is_withheld: bool = False
    personalisation: bool | UnsetType = UNSET
    natural_key: UUID | None = None
    former_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.id = fields.identity("id", self.id)
        given = self.name, self.surname, self.birth_year, self.country
        self.name = fields.text("name", self.name)
        self.surname = fields.text("surname", self.surname)
        fields.birth_year("birth_year", self.birth_year)
        self.currency = fields.currency("currency", self.currency)
        self.country = fields.classifier("country", self.country)
        self.gender = fields.gender("gender", self.gender)
        self.timestamp = fields.instant("timestamp", self.timestamp)
        if self.birth_year > self.timestamp.year:
            raise InvalidRow("inconsistent", "birth_year", "must not be later than timestamp")
        if self.favorite_sport != "":
            self.favorite_sport = fields.sport("favorite_sport", self.favorite_sport)
        if self.favorite_league != "":
            self.favorite_league = fields.classifier("favorite_league", self.favorite_league)
        self._check_guard_rails()
        self.natural_key, self.former_keys = None, ()
        if self.id is None:
            self.natural_key = user_key(self.name, self.surname, self.birth_year, self.country)
            self.former_keys = former_user_keys(*given)

    def _check_guard_rails(self) -> None:
        if self.status is not None:
            self.status = status_words.user_status(self.status)
        if self.status_until is not None:
            if self.status is None:
                raise InvalidRow("inconsistent", "status_until", "requires a status; send both")
            self.status_until = status_end(self.status, self.status_until, self.timestamp)
        if self.birth_date is not None:
            fields.birth_date("birth_date", self.birth_date, self.birth_year)
        if isinstance(self.stake_limit, Decimal):
            self.stake_limit = fields.limit("stake_limit", self.stake_limit)
        if isinstance(self.limit_left, Decimal):
            self.limit_left = fields.limit("limit_left", self.limit_left)

    @property
    def unset_columns(self) -> tuple[str, ...]:
        """The columns without a value in this row; an update keeps their stored values."""
        columns = [] if self.status is not None else ["status", "status_until"]
        columns += [] if self.birth_date is not None else ["birth_date"]
        columns += [name for name in ("stake_limit", "limit_left", "personalisation") if getattr(self, name) is UNSET]
        return tuple(columns)

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
            self.personalisation,
        )


class MatchFields(msgspec.Struct, kw_only=True):
    """The fields that events and selections share. Empty texts: unknown `country` and `league`; `category` (WOMEN, U21,
    ..) if not sent; `away_team` of a one-sided event (an outright, a race), whose name is in `home_team`."""

    country: str
    league: str
    home_team: str
    away_team: str
    category: str = ""
    sport: str

    def __post_init__(self) -> None:
        self.country = fields.optional_classifier("country", self.country)
        self.league = fields.optional_classifier("league", self.league)
        self.home_team = fields.classifier("home_team", self.home_team)
        if self.away_team != "":
            self.away_team = fields.classifier("away_team", self.away_team)
        if self.category != "":
            self.category = fields.classifier("category", self.category)
        self.sport = fields.sport("sport", self.sport)


class EventRow(MatchFields, kw_only=True):
    """`timestamp`: the time of the row's state; a row without one replaces any other. A row without `status` keeps the
    stored event's; a new event is open. `is_withheld` is False if the row has a usable odd. Only the first message of
    an event may lack an odd (the event is withheld; `lacks_odd` if for no other reason) or an end (it is estimated).
    `participants`: of a one-sided event, if known. `markets`: as of the row's time."""

    id: OwnId | None = None
    begin_timestamp: datetime
    end_timestamp: datetime
    start_time_tbd: bool = False
    end_is_estimated: bool = False
    odd: Decimal | None
    participants: tuple[str, ...] | None = None
    status: str | None = None
    is_withheld: bool = False
    lacks_odd: bool = False
    timestamp: datetime | None = None
    natural_key: UUID | None = None
    markets: OddsRow | UnsetType = UNSET

    def __post_init__(self) -> None:
        MatchFields.__post_init__(self)
        if self.odd is not None:
            self.odd = fields.odd("odd", self.odd)
        elif not self.is_withheld:
            raise InvalidRow("missing", "odd", "is required of an event that is not withheld")
        self.id = fields.identity("id", self.id)
        self.begin_timestamp = fields.instant("begin_timestamp", self.begin_timestamp)
        self.end_timestamp = fields.instant("end_timestamp", self.end_timestamp)
        if self.timestamp is not None:
            self.timestamp = fields.instant("timestamp", self.timestamp)
        if self.status is not None:
            self.status = status_words.event_status(self.status)
        if self.begin_timestamp >= self.end_timestamp:
            raise InvalidRow(
                "inconsistent", "end_timestamp", f"is {self.end_timestamp}; must be later than begin_timestamp"
            )
        if key_form(self.home_team) == key_form(self.away_team):
            raise InvalidRow("inconsistent", "away_team", f"is {self.away_team}; must differ from home_team")
        self.natural_key = self._natural_key() if self.id is None else None

    @property
    def unset_columns(self) -> tuple[str, ...]:
        """The columns without a value in this row; an update keeps their stored values."""
        unset = () if self.status is not None else ("status",)
        return unset if self.participants is not None else (*unset, "participants")

    @property
    def restrictions(self) -> tuple[object, ...]:
        """The values that decide at equal timestamps: the strictest win."""
        return (self.status,)

    def _natural_key(self) -> UUID:
        begin = self.begin_timestamp.isoformat()
        return event_key(self.sport, self.league, self.home_team, self.away_team, begin)


class Selection(MatchFields, kw_only=True, dict=True):
    """An event in a coupon, with its fields at the time of purchase, and `event_id` if known. `odd`: None for a void
    selection, whose stake is paid back. `market`, `line`, `outcome`: those that the user bet on, if known; then `odd`
    is the outcome's. Many coupons share a selection, and its `__dict__` may cache derived values: change a copy, never
    a stored selection."""

    event_id: OwnId | None = None
    odd: Decimal | None = None
    market: str | UnsetType = UNSET
    line: str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        MatchFields.__post_init__(self)
        if self.odd is not None:
            self.odd = fields.odd("odd", self.odd)
        self.event_id = fields.identity("event_id", self.event_id, MAX_ID)
        if self.market is not UNSET or self.line is not UNSET or self.outcome is not UNSET:
            self.market, self.line, self.outcome = named_outcome(self.market, self.line, self.outcome)

    @classmethod
    def of(cls, event: EventRow | Event) -> "Selection":
        """A selection of this event with its current odd."""
        return cls(
            event_id=event.id,
            country=event.country,
            league=event.league,
            home_team=event.home_team,
            away_team=event.away_team,
            category=event.category,
            sport=event.sport,
            odd=event.odd,
        )


class UnreadSelection(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A selection of a coupon that is unreadable in full or in part: its `number` in the message from 0 on, the `code`
    and `field` of the first problem, and its `event_id` if readable. `bare`: the selection's JSON if the id is the only
    field of its event; it is not stored."""

    number: int
    code: str
    field: str
    event_id: OwnId | None = None
    bare: bytes = b""


class CouponRow(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """`source` identifies the coupon's Kafka message, and is the key of a coupon without an id. `unread_selections` is
    None if all were readable. A stake of 0 is a free bet. `recommendation_id`: the recommendation that led to the bet,
    according to the casino; an unknown one, or another user's, has no effect."""

    id: OwnId | None = None
    user_id: OwnId
    stake: Decimal
    timestamp: datetime
    recommended_events: tuple[Selection, ...]
    unread_selections: tuple[UnreadSelection, ...] | None = None
    recommendation_id: UUID | None = None
    source: str | None = None
    natural_key: UUID | None = None

    def __post_init__(self) -> None:
        self.id = fields.identity("id", self.id)
        if self.user_id is None:
            raise InvalidRow("missing", "user_id", "is required")
        self.user_id = fields.identity("user_id", self.user_id, MAX_ID)
        self.stake = fields.coupon_stake("stake", self.stake)
        self.timestamp = fields.instant("timestamp", self.timestamp)
        if self.id is None and self.source is None:
            raise InvalidRow("missing", "id", "is required for a coupon without a Kafka message")
        require_selections(len(self.recommended_events) or len(self.held_events))
        self.natural_key = coupon_key(self.source or "") if self.id is None else None

    @classmethod
    def of_valid(
        cls,
        *,
        id: OwnId,
        user_id: OwnId,
        stake: Decimal,
        timestamp: datetime,
        recommended_events: tuple[Selection, ...],
        recommendation_id: UUID | None,
    ) -> "CouponRow":
        """Build a coupon from values in their stored form, without validation."""
        row: CouponRow = _COPY(_VALID_COUPON)
        row.id, row.user_id, row.stake, row.timestamp = id, user_id, stake, timestamp
        row.recommended_events, row.recommendation_id = recommended_events, recommendation_id
        return row

    @property
    def held_events(self) -> list[OwnId]:
        """The ids of events in unreadable selections: the user has bets on them too."""
        return [each.event_id for each in self.unread_selections or () if each.event_id is not None]


def require_selections(number: int) -> None:
    """Raises InvalidRow for a coupon without selections, or with too many."""
    if not 1 <= number <= limits.selections:
        problem = f"lists {number} selections; must list 1 to {limits.selections}"
        raise InvalidRow("out_of_range", "recommended_events", problem)


_COPY = methodcaller("__copy__")  # `copy` takes three times as long
_VALID_COUPON = CouponRow(
    id=1,
    user_id=1,
    stake=Decimal(1),
    timestamp=fields.EARLIEST,
    recommended_events=(Selection(country="", league="", home_team="-", away_team="", sport="-"),),
)


class ServedEventRow(msgspec.Struct, kw_only=True):
    """An event of a served recommendation, with the displayed odd: the outcome's, if a market was chosen. `team`: A or
    B, if two recommenders drafted the slip and only one of them ranked the event high; `first_team`, in the first event
    only: the team with the first turn. `propensity`: the probability of the event in its place, if it was drawn from
    `candidates` (best first)."""

    event_id: int
    odd: Decimal
    score: float | None = None
    market: str | UnsetType = UNSET
    line: str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    first_team: str | UnsetType = UNSET
    propensity: float | UnsetType = UNSET
    candidates: tuple[int, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.market is not UNSET or self.line is not UNSET or self.outcome is not UNSET:
            self.market, self.line, self.outcome = named_outcome(self.market, self.line, self.outcome)
        fields.identity("event_id", self.event_id, MAX_ID)
        self.odd = fields.odd("odd", self.odd)
        fields.finite("score", self.score)
        if self.propensity is not UNSET:
            fields.finite("propensity", self.propensity)
        if self.candidates is not UNSET:
            self._check_candidates(self.candidates)

    def _check_candidates(self, candidates: Sequence[int]) -> None:
        if len(candidates) > MAX_CANDIDATES:
            raise InvalidRow(
                "out_of_range", "candidates", f"lists {len(candidates)} events; must list at most {MAX_CANDIDATES}"
            )
        for each in candidates:
            fields.identity("candidates", each, MAX_ID)


class ServedRow(msgspec.Struct, kw_only=True):
    """A served recommendation. `events` may be empty; then `refusal` is the code of the guard rail that forbade bets,
    if one did."""

    recommendation_id: UUID
    user_id: int
    timestamp: datetime
    recommender: str
    asked_for: str
    fallback: str = ""
    model_version: str = ""
    stake: Decimal
    currency: str
    events: tuple[ServedEventRow, ...]
    took_ms: float | None = None
    placement: str = ""
    experiment: str = ""
    variant: str = ""
    propensity: float | None = None
    shown: bool = True
    refusal: str = ""

    def __post_init__(self) -> None:
        fields.identity("user_id", self.user_id, MAX_ID)
        self.timestamp = fields.instant("timestamp", self.timestamp)
        self.recommender = fields.name("recommender", self.recommender)
        self.asked_for = fields.name("asked_for", self.asked_for)
        if self.fallback != "":
            self.fallback = fields.name("fallback", self.fallback)
        if self.model_version != "":
            self.model_version = fields.name("model_version", self.model_version)
        self.stake = fields.coupon_stake("stake", self.stake)  # 0: no stake is suggested without a currency
        if self.currency != "":
            self.currency = fields.currency("currency", self.currency)
        if len(self.events) > limits.selections:
            raise InvalidRow(
                "out_of_range", "events", f"lists {len(self.events)} events; must list at most {limits.selections}"
            )
        fields.finite("took_ms", self.took_ms)
        fields.finite("propensity", self.propensity)
        self._check_names()

    def _check_names(self) -> None:
        for field in ("placement", "experiment", "variant", "refusal"):
            given = getattr(self, field)
            if given and len(fields.name(field, given)) > MAX_NAME:
                raise InvalidRow("too_long", field, f"has {len(given)} characters; must have at most {MAX_NAME}")


class Removal(msgspec.Struct, kw_only=True):
    """A casino's removal of its row with this id, as of `timestamp`."""

    id: OwnId
    timestamp: datetime

    def __post_init__(self) -> None:
        self.id = fields.identity("id", self.id)
        self.timestamp = fields.instant("timestamp", self.timestamp)


MutableRow = UserRow | EventRow  # a later row replaces an earlier one; coupons are final
Row = MutableRow | CouponRow  # rows of tables with ids
SentRow = Row | ImpressionRow  # rows that casinos send, except prices
AnyRow = SentRow | ServedRow | OddsRow


def status_end(status: str | None, until: datetime, since: datetime) -> datetime | None:
    """The end of a status that begins at `since`, if it can have one. An end before `since` is an error and counts as
    no end, because only the restriction is certain."""
    until = fields.instant("status_until", until)
    return until if status in _ENDING_STATUSES and until > since else None

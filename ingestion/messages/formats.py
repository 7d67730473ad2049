"""The message formats: one JSON object per message, with the fields of its struct.

`schemas.schema()` exports them as JSON Schema. Rows validate what the structs can't: upper case, control characters,
known sports.
"""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recommendations.models import ImpressionKind
from recommendations.models.served import MAX_CANDIDATES, MAX_NAME
from recommendations.validation import odds
from recommendations.validation.fields import MAX_ODD, MAX_PARTICIPANTS, MAX_STAKE, MAX_TEXT
from recommendations.validation.markets import MAX_MARKETS, MAX_OUTCOMES
from recommendations.validation.own_ids import MAX_ID_TEXT, MAX_OWN_ID
from recommendations.validation.placements import PLACEMENT_RULE
from tenants.ids import MAX_ID

# `own_id` reads it: a float is a whole number written with decimals.
_OwnId = Annotated[int, Meta(ge=1)] | float | Annotated[str, Meta(min_length=1, max_length=MAX_ID_TEXT)]
_ID_SCHEMA = {"format": "own-id"}
Id = Annotated[
    _OwnId, Meta(description="The casino's own id; if sent, it identifies the row.", extra_json_schema=_ID_SCHEMA)
]
Reference = Annotated[_OwnId, Meta(description="The casino's own id of the row.", extra_json_schema=_ID_SCHEMA)]
StoredId = Annotated[int, Meta(ge=1, le=MAX_ID)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
OptionalText = Annotated[str, Meta(max_length=MAX_TEXT)]
Category = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT,
        description="WOMEN, U21, RESERVES, ..: teams with one name in two categories are different teams.",
    ),
]
_PERSONALISATION = (
    "Whether recommendations may use the user's bets; null or an unreadable value: false; absent: unchanged."
)
_USER_STATUS = "active, self_excluded, time_out, closed, or a word for one of them; absent: unchanged."
_EVENT_STATUS = "open, live, suspended, cancelled, settled, or a word for one of them; absent: unchanged."
# Amounts stay JSON, which `fields.amount` reads: as Decimal, msgspec would also take "1_0" and "+1".
_AMOUNT = {"format": "decimal"}
Odd = Annotated[
    msgspec.Raw,
    Meta(
        description="More than 1, in steps of 0.001.",
        extra_json_schema=_AMOUNT | {"exclusiveMinimum": 1, "maximum": float(MAX_ODD)},
    ),
]
_OWN_FORMAT = {"format": "odd"}
Stake = Annotated[
    msgspec.Raw,
    Meta(
        description="In the user's currency, with its decimals; 0: no stake is suggested; the currency is unknown.",
        extra_json_schema=_AMOUNT | {"minimum": 0, "maximum": float(MAX_STAKE)},
    ),
]
SelectionOdd = Annotated[
    msgspec.Raw,
    Meta(
        title="The odd at the time of purchase; null: the selection is void",
        description="In odd_format. Decimal: more than 1, in steps of 0.001; 1 and less, null or absent: void.",
        extra_json_schema=_OWN_FORMAT,
    ),
]
CouponStake = Annotated[
    msgspec.Raw,
    Meta(
        description="In the user's currency, with up to 8 decimals; 0: a free bet.",
        extra_json_schema=_AMOUNT | {"minimum": 0, "maximum": float(MAX_STAKE)},
    ),
]
_Limit = Annotated[
    msgspec.Raw,
    Meta(
        description="In the user's currency, rounded down to its decimals; null: no limit; absent: unchanged.",
        extra_json_schema=_AMOUNT | {"minimum": 0, "maximum": float(MAX_STAKE)},
    ),
]
OddFormat = Annotated[
    str,
    Meta(
        max_length=MAX_TEXT,
        description=f"The format of odds: {', '.join(odds.OddFormat)}; absent: the casino's option, or decimal.",
    ),
]
_TIME = "ISO 8601 (without a zone: UTC), or Unix seconds, milliseconds or microseconds, also as text."
Time = Annotated[datetime | float, Meta(description=_TIME)]
_TIME_SCHEMA = {"anyOf": [{"type": "string"}, {"type": "number"}]}
RawTime = Annotated[msgspec.Raw, Meta(description=_TIME, extra_json_schema=_TIME_SCHEMA)]
_EventOdd = Annotated[
    msgspec.Raw,
    Meta(
        title="The price; null: no price, the event is withheld",
        description="In odd_format. Decimal: more than 1, in steps of 0.001. Others are rounded down to such steps.",
        extra_json_schema=_OWN_FORMAT,
    ),
]


class UserMessage(msgspec.Struct):
    """A customer of the casino, in full. All fields but those that identify the user may be absent; absent fields keep
    their values."""

    name: Text
    surname: Text
    birth_year: Annotated[int, Meta(ge=1900, le=2100)]
    currency: Text
    country: Text
    gender: Text
    timestamp: Time
    favorite_sport: Text
    favorite_league: OptionalText = ""
    id: Id | None = None
    status: Annotated[str, Meta(max_length=MAX_TEXT, description=_USER_STATUS)] | None = None
    status_until: Annotated[Time, Meta(description="End of the status, after timestamp; absent: none.")] | None = None
    birth_date: date | None = None
    stake_limit: Annotated[_Limit, Meta(title="The highest stake of a coupon")] | UnsetType = UNSET
    limit_left: Annotated[_Limit, Meta(title="The amount that may still be staked")] | UnsetType = UNSET
    personalisation: Annotated[bool | None, Meta(description=_PERSONALISATION)] | UnsetType = UNSET


Name = Annotated[
    msgspec.Raw,
    Meta(
        description="The name of a one-sided event, such as an outright or a race; ignored if there are teams.",
        extra_json_schema={"type": "string", "maxLength": MAX_TEXT},
    ),
]
Participants = Annotated[
    msgspec.Raw,
    Meta(
        description="The names of a one-sided event's participants; ignored if there are teams.",
        extra_json_schema={"type": "array", "items": {"type": "string"}, "maxItems": MAX_PARTICIPANTS},
    ),
]


# Numbers are allowed: providers number their markets and outcomes.
MarketText = (
    Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)] | Annotated[int, Meta(ge=-MAX_ID, le=MAX_ID)] | float
)
MarketName = Annotated[MarketText, Meta(description="The market's name or id, stored in upper case.")]
Line = Annotated[
    Annotated[str, Meta(max_length=MAX_TEXT)] | float,
    Meta(description="The market's line, a number or text, such as 2.5 of a total; absent: no line."),
]
OutcomeName = Annotated[MarketText, Meta(description="The outcome's name or id, stored in upper case.")]


_MARKET_STATUS = "open, suspended, closed, settled, cancelled, or a word for one; absent: open; unknown: closed."
MarketStatusWord = Annotated[str, Meta(description=_MARKET_STATUS)]


class OutcomeMessage(msgspec.Struct):
    """An outcome of a market, with its price. An outcome without a usable price is closed."""

    outcome: OutcomeName
    odd: _EventOdd | UnsetType = UNSET
    status: MarketStatusWord | None = None


class MarketMessage(msgspec.Struct):
    """A market of an event, with all its outcomes: missing outcomes are closed."""

    market: MarketName
    outcomes: Annotated[list[OutcomeMessage], Meta(max_length=MAX_OUTCOMES)] = []
    line: Line | None = None
    status: MarketStatusWord | None = None


Markets = Annotated[list[MarketMessage], Meta(max_length=MAX_MARKETS)]


# Read market by market, so that an unreadable market closes only itself.
EventMarkets = Annotated[msgspec.Raw, Meta(description="All markets of the producer: missing ones are closed.")]


class EventMessage(msgspec.Struct):
    """A match, or a one-sided event, in full: open for bets, live, suspended, cancelled or settled. All fields but
    those that identify the event may be absent; absent fields keep their values."""

    begin_timestamp: Time
    end_timestamp: Time
    country: Text
    league: Text
    home_team: Text
    away_team: Text
    sport: Text
    odd: _EventOdd
    category: Category = ""
    id: Id | None = None
    start_time_tbd: Annotated[bool, Meta(description="Only the day of begin_timestamp is known.")] = False
    odd_format: OddFormat | None = None
    name: Name | UnsetType = UNSET
    participants: Participants | UnsetType = UNSET
    status: Annotated[str, Meta(max_length=MAX_TEXT, description=_EVENT_STATUS)] | None = None
    timestamp: Annotated[Time, Meta(description="Valid as of this time; absent: the sending time.")] | None = None
    producer: Annotated[MarketText, Meta(description="The source of the markets; required with them.")] | None = None
    markets: EventMarkets | UnsetType = UNSET


class SelectionMessage(msgspec.Struct):
    """One event of a coupon, with its odd at the time of purchase: with home and away team, or with a name."""

    sport: Text
    country: OptionalText | None = None
    league: OptionalText | None = None
    home_team: OptionalText | None = None
    away_team: OptionalText | None = None
    name: OptionalText | None = None
    odd: SelectionOdd | UnsetType = UNSET
    category: Category = ""
    event_id: Reference | None = None
    odd_format: OddFormat | None = None
    market: MarketName | None = None
    line: Line | None = None
    outcome: OutcomeName | None = None


# Raw: an invalid id of a recommendation is ignored, and the coupon still counts.
RecommendationId = Annotated[
    msgspec.Raw,
    Meta(
        description="An unknown id, or that of another user's recommendation, is ignored.",
        extra_json_schema={"type": ["string", "null"], "format": "uuid"},
    ),
]


class _CouponFields(msgspec.Struct):
    user_id: Reference
    stake: CouponStake
    timestamp: RawTime


class CouponMessage(_CouponFields):
    """A purchased bet slip."""

    recommended_events: Annotated[list[SelectionMessage], Meta(min_length=1)]
    id: Id | None = None
    odd_format: OddFormat | None = None  # the default of the selections
    recommendation_id: RecommendationId | UnsetType = UNSET


class RawCouponMessage(_CouponFields):
    """A coupon with undecoded selections. Decoded selections are cached, since many coupons have the same ones."""

    recommended_events: list[msgspec.Raw]
    id: Id | None = None
    odd_format: OddFormat | None = None
    recommendation_id: RecommendationId | UnsetType = UNSET


_UsualId = Annotated[int, Meta(ge=1, le=MAX_OWN_ID)] | Annotated[str, Meta(min_length=1, max_length=MAX_ID_TEXT)]


class UsualCouponMessage(msgspec.Struct, gc=False):
    """A raw coupon in the usual form: it has an id, and any recommendation id is a UUID."""

    user_id: _UsualId
    stake: msgspec.Raw
    timestamp: datetime | float
    recommended_events: list[msgspec.Raw]
    id: _UsualId
    odd_format: OddFormat | None = None
    recommendation_id: UUID | None = None


class HeartbeatMessage(msgspec.Struct):
    """A sign of life of a producer, sent to each partition."""

    complete: Annotated[bool, Meta(description="false: earlier prices can no longer be trusted.")] = True


class OddsMessage(msgspec.Struct):
    """Prices of markets of one event, a stop of its bets, or the producer's own status. Missing markets stay
    unchanged."""

    producer: Annotated[
        MarketText, Meta(description="The source of the prices; a message closes only prices of its own source.")
    ]
    event_id: Reference | None = None
    timestamp: Annotated[Time, Meta(description="Valid as of this time; absent: the sending time.")] | None = None
    markets: Markets | UnsetType = UNSET
    stop: (
        Annotated[
            bool | list[MarketText],
            Meta(description="true, to suspend all of the producer's markets of the event; or the markets to suspend."),
        ]
        | None
    ) = None
    heartbeat: HeartbeatMessage | bool | None = None
    status: Annotated[str, Meta(description="down, which closes the producer's prices; or up.")] | None = None
    odd_format: OddFormat | None = None


ShortName = Annotated[str, Meta(max_length=MAX_NAME)]
Probability = Annotated[float, Meta(gt=0, le=1, description="The probability of the draw; absent: there was no draw.")]
_KINDS = [kind.value for kind in ImpressionKind]
_Placement = Annotated[
    str,
    Meta(
        max_length=MAX_NAME,
        description=f"The place where it was shown; absent or empty: unknown. Else it {PLACEMENT_RULE}.",
    ),
]


class ImpressionMessage(msgspec.Struct):
    """A user saw or clicked a recommendation, or some of its events."""

    recommendation_id: UUID
    user_id: Reference
    kind: Annotated[str, Meta(description="What the user did.", extra_json_schema={"enum": _KINDS})]
    event_ids: list[Reference] = []
    placement: _Placement = ""
    timestamp: Annotated[Time, Meta(description="When; absent: the sending time.")] | None = None


class ServedEventMessage(msgspec.Struct):
    """A recommended event, with its odd at that time."""

    event_id: StoredId
    odd: Odd
    score: Annotated[float, Meta(description="The recommender's score; absent: it has no scores.")] | None = None
    market: MarketName | None = None
    line: Line | None = None
    outcome: OutcomeName | None = None
    team: (
        Annotated[Literal["A", "B"], Meta(description="In a drafted slip: the recommender that picked the event.")]
        | UnsetType
    ) = UNSET
    first_team: (
        Annotated[
            Literal["A", "B"], Meta(description="In a drafted slip's first event: the recommender with the first pick.")
        ]
        | UnsetType
    ) = UNSET
    propensity: Probability | UnsetType = UNSET
    candidates: (
        Annotated[
            list[StoredId], Meta(max_length=MAX_CANDIDATES, description="The candidates of the draw, best first.")
        ]
        | UnsetType
    ) = UNSET


class ServedMessage(msgspec.Struct):
    """A served recommendation; this service sends it."""

    recommendation_id: UUID
    user_id: StoredId
    timestamp: RawTime
    recommender: Annotated[Text, Meta(description="The recommender that computed it.")]
    asked_for: Annotated[Text, Meta(description="The casino's configured recommender.")]
    stake: Stake
    currency: OptionalText
    events: Annotated[list[ServedEventMessage], Meta(description="Best first; empty if no event was recommended.")]
    fallback: Annotated[OptionalText, Meta(description="Number of skipped recommenders of the chain; empty: none.")] = (
        ""
    )
    model_version: OptionalText = ""
    took_ms: (
        Annotated[float, Meta(ge=0, description="From request to response without HTTP, in milliseconds.")] | None
    ) = None
    placement: ShortName = ""
    experiment: ShortName = ""
    variant: ShortName = ""
    propensity: Probability | None = None
    shown: Annotated[bool, Meta(description="false: computed for an experiment, and not sent.")] = True
    refusal: Annotated[ShortName, Meta(description="The guard rail that forbade bets; empty: none.")] = ""

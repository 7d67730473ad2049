"""The formats of messages: one JSON object a message, whose struct says which fields it has.

`schema()` exports them as JSON Schema. What the structs can't say (upper case, control characters, known sports) the
rows do, which are made of them.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from recommendations.validation.fields import MAX_ODD, MAX_OWN_ID, MAX_STAKE, MAX_TEXT
from tenants.ids import MAX_ID

Id = Annotated[int, Meta(ge=1, le=MAX_OWN_ID, description="The casino's own id: then this is the key.")]
Reference = Annotated[int, Meta(ge=1, le=MAX_ID)]
Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
OptionalText = Annotated[str, Meta(max_length=MAX_TEXT)]
Odd = Annotated[
    Decimal,
    Meta(
        description="More than 1, in steps of 0.001.",
        extra_json_schema={"exclusiveMinimum": 1, "maximum": float(MAX_ODD)},
    ),
]
Stake = Annotated[
    Decimal,
    Meta(
        description="In the user's currency, in steps of 0.01.",
        extra_json_schema={"exclusiveMinimum": 0, "maximum": float(MAX_STAKE)},
    ),
]
Limit = Annotated[
    Decimal,
    Meta(
        description="In the user's currency, in steps of 0.01; null: no limit; absent: as it was.",
        extra_json_schema={"minimum": 0, "maximum": float(MAX_STAKE)},
    ),
]
Time = Annotated[datetime | float, Meta(description="ISO 8601 (without a zone: UTC), or Unix seconds or milliseconds.")]


class UserMessage(msgspec.Struct):
    """A customer of the casino."""

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
    status: Annotated[str, Meta(description="active, self_excluded, time_out or closed; absent: as it was.")] | None = (
        None
    )
    status_until: Annotated[Time, Meta(description="When that status ends; absent: it does not.")] | None = None
    birth_date: date | None = None
    stake_limit: Annotated[Limit | None, Meta(title="The most that the user may stake on a coupon")] | UnsetType = UNSET
    limit_left: Annotated[Limit | None, Meta(title="What is left of all that the user may stake")] | UnsetType = UNSET


class EventMessage(msgspec.Struct):
    """A match that can be bet on, or that is suspended, cancelled or settled."""

    begin_timestamp: Time
    end_timestamp: Time
    country: Text
    league: Text
    home_team: Text
    away_team: Text
    sport: Text
    odd: Odd
    id: Id | None = None
    status: Annotated[str, Meta(description="open, suspended, cancelled or settled; absent: as it was.")] | None = None
    timestamp: Annotated[Time, Meta(description="As of when this holds; absent: when it was sent.")] | None = None


class SelectionMessage(msgspec.Struct):
    """One event of a coupon, as it stood then."""

    country: Text
    league: Text
    home_team: Text
    away_team: Text
    sport: Text
    odd: Odd
    event_id: Reference | None = None


class _CouponFields(msgspec.Struct):
    user_id: Reference
    stake: Stake
    timestamp: Time


class CouponMessage(_CouponFields):
    """A purchased bet slip."""

    recommended_events: Annotated[list[SelectionMessage], Meta(min_length=1)]
    id: Id | None = None


class UnopenedCoupon(_CouponFields):
    """A coupon whose selections are not decoded yet: coupons say the same ones again and again."""

    recommended_events: list[msgspec.Raw]
    id: Id | None = None


class ServedEventMessage(msgspec.Struct):
    """An event that was shown, with its odd as it was shown."""

    event_id: Reference
    odd: Odd
    score: Annotated[float, Meta(description="What the recommender gave it; absent: it scored nothing.")] | None = None


class ServedMessage(msgspec.Struct):
    """A recommendation as it was served; sent by this service itself."""

    recommendation_id: UUID
    user_id: Reference
    timestamp: Time
    recommender: Annotated[Text, Meta(description="The one that served.")]
    asked_for: Annotated[Text, Meta(description="The recommender that the casino had configured.")]
    stake: Stake
    currency: Text
    events: Annotated[list[ServedEventMessage], Meta(description="Best first; none, where there was nothing to show.")]
    fallback: Annotated[OptionalText, Meta(description="The step of the fallback chain that served, if one did.")] = ""
    model_version: OptionalText = ""
    took_ms: (
        Annotated[float, Meta(ge=0, description="From the question to the answer, without HTTP; in milliseconds.")]
        | None
    ) = None


def schema(message: type[msgspec.Struct]) -> dict[str, Any]:
    """JSON Schema (2020-12) of a message."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_amounts(msgspec.json.schema(message))}


def _amounts(part: Any) -> Any:
    """msgspec writes a Decimal down as text alone, and takes numbers too."""
    if isinstance(part, list):
        return [_amounts(each) for each in part]
    if not isinstance(part, dict):
        return part
    if part.get("format") == "decimal":
        bounds = {name: value for name, value in part.items() if name not in {"type", "format", "description"}}
        written = [{"type": "number", **bounds}, {"type": "string", "format": "decimal"}]
        return {"description": part["description"], "anyOf": written}
    return {name: _amounts(value) for name, value in part.items()}

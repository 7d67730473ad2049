"""The OpenAPI documentation of the endpoints in `list_views`."""

from drf_spectacular.utils import OpenApiParameter, extend_schema

from . import openapi
from .openapi import Schema
from .selections import MAX_SELECTIONS, MAX_VIEWED

_TEXT: Schema = {"type": "string", "maxLength": 100}
_EVENT_ID = openapi.OWN_ID
SELECTION: Schema = {
    "description": "An event by its id, by its fields, or both. Without an id, the fields are required.",
    "type": "object",
    "properties": {
        "event_id": _EVENT_ID,
        **dict.fromkeys(("country", "league", "home_team", "away_team", "sport"), _TEXT),
        "category": _TEXT,
        "odd": {"type": "number", "exclusiveMinimum": 1},
        **dict.fromkeys(("market", "outcome"), _TEXT),
        "line": {"anyOf": [_TEXT, {"type": "number"}]},
    },
    "additionalProperties": False,
}
_SELECTIONS: Schema = {"type": "array", "maxItems": MAX_SELECTIONS, "items": SELECTION}
_VIEWED: Schema = {"type": "array", "maxItems": MAX_VIEWED, "items": SELECTION}
SLIP: Schema = {
    "type": "object",
    "required": ["selections"],
    "properties": {"selections": _SELECTIONS, **openapi.FILTERS_IN_BODY, "variant": openapi.VARIANT_IN_BODY},
    "additionalProperties": False,
}
SESSION: Schema = {
    "type": "object",
    "anyOf": [{"required": ["selections"]}, {"required": ["viewed"]}],
    "properties": {"selections": _SELECTIONS, "viewed": _VIEWED, **openapi.FILTERS_IN_BODY},
    "additionalProperties": False,
}
WITHOUT_USER: Schema = {
    "type": "object",
    "description": "The casino's configured fields, except those about a user.",
}
_EXAMPLE_WITHOUT_USER = {name: openapi.EXAMPLE_RECOMMENDATION[name] for name in ("time", "events")}
_CODES = ("casino_not_configured", "invalid_parameter", "id_not_of_type")
_WITHOUT_USER_CODES = (*_CODES, "lists_without_user_off")
_EVENT = OpenApiParameter(
    "event_id",
    str,
    OpenApiParameter.PATH,
    description="The casino's own id, percent-encoded (RFC 3986).",
)
_EXAMPLES = [openapi.example(_EXAMPLE_WITHOUT_USER)]

hidden = extend_schema(exclude=True)
slip_endpoint = openapi.casino_endpoint(
    openapi.RECOMMENDATION,
    codes=[*openapi.BODY_CODES, *_CODES, "user_not_found"],
    operation_id="recommend_next",
    parameters=[openapi.USER_ID],
    examples=[openapi.example(openapi.EXAMPLE_RECOMMENDATION)],
    **openapi.with_body(SLIP),
)
session_endpoint = openapi.casino_endpoint(
    WITHOUT_USER,
    codes=[*openapi.BODY_CODES, *_WITHOUT_USER_CODES],
    operation_id="recommend_session",
    examples=_EXAMPLES,
    **openapi.with_body(SESSION),
)
similar_endpoint = openapi.casino_endpoint(
    WITHOUT_USER,
    codes=[*_WITHOUT_USER_CODES, "event_not_found"],
    operation_id="similar_events",
    parameters=[_EVENT, *openapi.FILTERS],
    examples=_EXAMPLES,
)
popular_endpoint = openapi.casino_endpoint(
    WITHOUT_USER,
    codes=_WITHOUT_USER_CODES,
    operation_id="popular_events",
    parameters=openapi.FILTERS,
    examples=_EXAMPLES,
)

"""The parts of the OpenAPI schema that the views do not define: responses, errors, examples, authentication."""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import BATCH_LIMIT
from recommendations.serving.options import MAX_EVENTS
from recommendations.serving.output_schema import TYPES
from recommendations.serving.request_filters import MAX_EXCLUDED
from recommendations.validation.fields import MAX_ODD
from recommendations.validation.own_ids import MAX_ID_TEXT
from recommendations.validation.placements import PLACEMENT_PATTERN

from .error_codes import CASINO_CODES, COMMON_CODES, ERROR_CODES, REQUEST_BODY_CODES

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
Schema = dict[str, Any]

_FIELD: Schema = {
    "oneOf": [
        {"type": "string", "enum": list(TYPES)},
        {
            "type": "object",
            "required": ["type", "source_field"],
            "properties": {
                "type": {"type": "string", "enum": list(TYPES)},
                "source_field": {"type": "string"},
                "fields": {"type": "object", "description": "For a list of events: the fields of each event."},
            },
        },
    ]
}
_OPTIONS: Schema = {"type": ["object", "null"], "description": "See /config/options.schema.json."}
CONFIGURATION: Schema = {
    "type": "object",
    "required": ["recommender_type", "recommendation_schema"],
    "properties": {
        "recommender_type": {"type": "string", "enum": list(RECOMMENDERS)},
        "recommendation_schema": {"type": "object", "minProperties": 1, "additionalProperties": _FIELD},
        "options": _OPTIONS,
        "timestamp": {"description": "Ignored, so that a configuration can be sent back as it was read."},
    },
    "additionalProperties": False,
}
PATCH: Schema = {
    "type": "object",
    "description": "A JSON merge patch (RFC 7396) with the changed fields; null resets an option, or removes a field.",
    "properties": {
        "recommender_type": {"type": "string", "enum": list(RECOMMENDERS)},
        "recommendation_schema": {
            "type": "object",
            "additionalProperties": {"type": ["string", "object", "null"]},
            "description": "As for POST; an existing field may be sent with only its changed parts.",
        },
        "options": _OPTIONS,
        "timestamp": {"description": "Ignored."},
    },
    "additionalProperties": False,
}
STORED_CONFIGURATION: Schema = {
    "type": "object",
    "required": ["recommender_type", "recommendation_schema", "timestamp"],
    "properties": {
        "recommender_type": {"type": "string"},
        "recommendation_schema": {"type": "object"},
        "timestamp": {"type": "string", "format": "date-time"},
        "options": {"type": "object"},
    },
}
SAVED: Schema = {
    "type": "object",
    "required": ["message", "recommender_type", "recommendation_schema", "config"],
    "properties": {
        "message": {"type": "string"},
        "recommender_type": {"type": "string"},
        "recommendation_schema": {"type": "object"},
        "config": STORED_CONFIGURATION,
        "reset_options": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The options that were reset to their defaults. Absent if there are none.",
        },
    },
}
RECOMMENDATION: Schema = {"type": "object", "description": "Exactly the casino's configured fields."}
OWN_ID: Schema = {
    "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "minLength": 1, "maxLength": MAX_ID_TEXT}],
    "description": "The casino's own id: a number, or other text.",
}
USER_IDS: Schema = {"type": "array", "minItems": 1, "maxItems": BATCH_LIMIT, "items": OWN_ID}
ODD: Schema = {"type": "number", "minimum": 1, "maximum": float(MAX_ODD)}
FILTERS_IN_BODY: Schema = {
    "limit": {"type": "integer", "minimum": 1, "maximum": MAX_EVENTS},
    "exclude": {"type": "array", "maxItems": MAX_EXCLUDED, "items": OWN_ID},
    "sport": {"type": "array", "items": {"type": "string"}},
    "min_odd": ODD,
    "max_odd": ODD,
    "market": {"type": "array", "items": {"type": "string"}},
    "explain": {"type": "boolean"},
    "placement": {"type": "string", "pattern": PLACEMENT_PATTERN},
}
VARIANT_IN_BODY: Schema = {
    "type": "string",
    "minLength": 1,
    "description": "For tests, with the scope `test`: the slip of this variant of an experiment.",
}
MANY: Schema = {
    "type": "object",
    "required": ["user_ids"],
    "properties": {"user_ids": USER_IDS, **FILTERS_IN_BODY, "variant": VARIANT_IN_BODY},
    "additionalProperties": False,
}
RECOMMENDATIONS: Schema = {
    "type": "object",
    "required": ["recommendations", "unknown_users"],
    "properties": {
        "recommendations": {"type": "array", "items": RECOMMENDATION},
        "unknown_users": {"type": "array", "items": OWN_ID},
        "failed_users": {
            "type": "array",
            "description": "The users with an id, their own or an event's, that does not have the type that the schema "
            "declares (`id_not_of_type`). Absent if there are none.",
            "items": {
                "type": "object",
                "required": ["user_id", "error", "code", "details"],
                "properties": {
                    "user_id": OWN_ID,
                    "error": {"type": "string"},
                    "code": {"type": "string"},
                    "details": {},
                },
            },
        },
    },
}
CREATED: Schema = {
    "type": "object",
    "required": ["message", "coupon_ids"],
    "properties": {"message": {"type": "string"}, "coupon_ids": {"type": "array", "items": {"type": "integer"}}},
}
ERASED: Schema = {
    "type": "object",
    "required": ["message", "erased"],
    "properties": {
        "message": {"type": "string"},
        "erased": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "Deleted rows by table.",
        },
    },
}
_ROWS: Schema = {"type": "array", "items": {"type": "object"}}
EXPORT: Schema = {
    "type": "object",
    "required": [
        "user_id",
        "user",
        "profile",
        "coupons",
        "waiting_coupons",
        "served_recommendations",
        "attributions",
        "user_days",
        "impressions",
        "dead_letters",
        "tallies",
        "tastes",
    ],
    "properties": {
        "user_id": OWN_ID,
        "user": {"type": ["object", "null"]},
        "profile": {"type": ["object", "null"]},
        "coupons": _ROWS,
        "waiting_coupons": _ROWS,
        "served_recommendations": _ROWS,
        "attributions": _ROWS,
        "user_days": _ROWS,
        "impressions": _ROWS | {"description": "The recommended events that the user saw or clicked."},
        "dead_letters": _ROWS | {"description": "Rejected messages about the user: the latest 1,000."},
        "tallies": {"type": "object"},
        "tastes": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": {"type": "number"}},
            "description": "The user's vectors by version of the fitted models.",
        },
    },
}
JSON_SCHEMA: Schema = {"type": "object"}

EXAMPLE_RECOMMENDATION = {
    "user_id": 31,
    "bet": 25.51,
    "time": 1748863700.5,
    "events": [
        {
            "country": "BRAZIL",
            "league": "MAJOR LEAGUE SOCCER",
            "home_team": "SANTOS",
            "away_team": "FLAMENGO",
            "sport": "FOOTBALL",
            "odd": 2.69,
        }
    ],
}

CASINO_ID = OpenApiParameter(
    "Casino-ID",
    int,
    OpenApiParameter.HEADER,
    description="Required without an API key; with one, it must be the key's casino.",
)
USER_ID = OpenApiParameter(
    "user_id", str, OpenApiParameter.PATH, description="The casino's own id, percent-encoded (RFC 3986)."
)
FILTERS = [
    OpenApiParameter(
        "limit", {"type": "integer", "minimum": 1, "maximum": MAX_EVENTS}, description="Number of events."
    ),
    OpenApiParameter("exclude", str, description="Ids of events to exclude, separated by commas."),
    OpenApiParameter("sport", str, description="Only events of these sports, separated by commas."),
    OpenApiParameter("min_odd", ODD, description="Only odds from this one, within the casino's options."),
    OpenApiParameter("max_odd", ODD, description="Only odds up to this one, within the casino's options."),
    OpenApiParameter("market", str, description="Only prices of these markets, separated by commas."),
    OpenApiParameter("explain", {"type": "integer", "enum": [0, 1]}, description="Include scores and reasons."),
    OpenApiParameter(
        "placement",
        {"type": "string", "pattern": PLACEMENT_PATTERN},
        description="The place where the slip will be shown, for reports; it does not change the slip.",
    ),
]
VARIANT = OpenApiParameter(
    "variant", str, description="For tests, with the scope `test`: the slip of this variant of an experiment."
)


class ErrorSerializer(serializers.Serializer[Any]):
    """The body of all errors: `error` for people, `code` for programs, and details."""

    error = serializers.CharField()
    code = serializers.ChoiceField(choices=sorted(ERROR_CODES))
    details = serializers.JSONField(help_text="Null without details.")


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "tenants.http.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`; `manage.py api_key create` creates a key.",
        }


class StaffBasicScheme(OpenApiAuthenticationExtension):
    target_class = "tenants.http.authentication.StaffBasicAuthentication"
    name = "staffLogin"

    def get_security_definition(self, auto_schema: AutoSchema) -> Schema:
        return {"type": "http", "scheme": "basic", "description": "A staff login."}


def casino_endpoint(
    answer: Schema, *, codes: Iterable[str] = (), statuses: Collection[int] = (200,), **more: Any
) -> Callable[[Endpoint], Endpoint]:
    """Document an endpoint for one casino's data."""
    parameters = [CASINO_ID, *more.pop("parameters", ())]
    return _documented(answer, (*CASINO_CODES, *codes), statuses, parameters=parameters, **more)


def shared_endpoint(answer: Schema, **more: Any) -> Callable[[Endpoint], Endpoint]:
    """Document an endpoint that is the same for all casinos."""
    return _documented(answer, COMMON_CODES, (200,), **more)


def with_body(schema: Schema, *media_types: str) -> dict[str, Any]:
    return {"request": dict.fromkeys(media_types or ("application/json",), schema)}


def example(value: Any) -> OpenApiExample:
    return OpenApiExample("example", value=value, response_only=True, status_codes=["200", "201", "202", "207"])


def _documented(
    answer: Schema, codes: Iterable[str], statuses: Collection[int], **more: Any
) -> Callable[[Endpoint], Endpoint]:
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(ERROR_CODES[code].status, []).append(code)
    errors = {each: _error(same_status) for each, same_status in by_status.items()}
    answers = {status: OpenApiResponse(answer) for status in statuses}
    return extend_schema(responses={**answers, **errors}, **more)


def _error(codes: list[str]) -> OpenApiResponse:
    examples = [
        OpenApiExample(
            code, value={"error": ERROR_CODES[code].text, "code": code, "details": ERROR_CODES[code].details}
        )
        for code in codes
    ]
    return OpenApiResponse(ErrorSerializer, description=", ".join(f"`{code}`" for code in codes), examples=examples)


BODY_CODES = REQUEST_BODY_CODES

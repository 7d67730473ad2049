"""The OpenAPI schema of the endpoints for messages."""

from collections.abc import Callable

from drf_spectacular.utils import OpenApiParameter

from ingestion.storing.transaction import SKIPPED
from ingestion.topics import Topic
from ingestion.uploads.outcomes import REJECTED
from recommendations.api import openapi as docs
from recommendations.api.openapi import Endpoint, Schema
from recommendations.storing import Result

from .bodies import MAPPING, MAX_MESSAGES

_OUTCOMES = sorted({*Result, REJECTED, SKIPPED})
_ITEM: Schema = {
    "type": "object",
    "required": ["index", "id", "outcome"],
    "properties": {
        "index": {"type": "integer", "minimum": 0, "description": "The message's number in the request."},
        "id": {"type": ["number", "string", "null"], "description": "The message's own id, as it was sent."},
        "outcome": {"type": "string", "enum": _OUTCOMES},
        "code": {"type": "string", "description": "The rejection's stable code."},
        "field": {"type": "string", "description": "The rejection's invalid field."},
        "detail": {"type": "string", "description": "The problem, as text for people."},
    },
}
_ANSWER: Schema = {
    "type": "object",
    "required": ["outcomes", "items"],
    "properties": {
        "outcomes": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "The number of messages with each outcome.",
        },
        "items": {"type": "array", "items": _ITEM},
    },
}
_REMOVED: Schema = {
    "type": "object",
    "required": ["id", "outcome"],
    "properties": {"id": {"type": "string"}, "outcome": {"type": "string", "enum": _OUTCOMES}},
}
_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A repeat with the same key and body stores no message twice, and gets the first response.",
)
_MAPPING = OpenApiParameter(
    MAPPING,
    {"type": "string", "minLength": 1},
    description="The mapping of the body, a document of a feed (JSON, one per line, XML or CSV): the name of one of "
    "this release (`manage.py mapping list`), or `own` for the mapping in the casino's options.",
)
_DOCUMENT: Schema = {"type": "string", "description": "A document of a feed; only with the parameter `mapping`."}
_EXAMPLE = {
    "outcomes": {"stored": 1, "rejected": 1},
    "items": [
        {"index": 0, "id": 7, "outcome": "stored"},
        {
            "index": 1,
            "id": 8,
            "outcome": REJECTED,
            "code": "missing",
            "field": "sport",
            "detail": "Object missing required field `sport`",
        },
    ],
}
_CODES = (*docs.BODY_CODES, "invalid_parameter", "idempotency_key_in_use", "idempotency_key_reused")


def takes(
    topic: Topic, *, all_stored: int = 200, max_messages: int = MAX_MESSAGES, is_mapped: bool = True
) -> Callable[[Endpoint], Endpoint]:
    """Document an endpoint that stores messages of this topic, and the documents that mappings read if there are
    any."""
    message: Schema = {"type": "object", "description": f"See /api/schemas/{topic.name}.json."}
    messages: Schema = {"type": "array", "maxItems": max_messages, "items": message}
    lines: Schema = {"type": "string", "description": "One message a line."}
    documents = {"application/xml": _DOCUMENT, "text/csv": _DOCUMENT} if is_mapped else {}
    return docs.casino_endpoint(
        _ANSWER,
        codes=_CODES,
        statuses=(all_stored, 207),
        examples=[docs.example(_EXAMPLE)],
        operation_id=f"ingest_{topic.name}",
        parameters=[_KEY, _MAPPING] if is_mapped else [_KEY],
        request={
            "application/json": {"oneOf": [message, messages]},
            "application/x-ndjson": lines,
            **documents,
        },
    )


def removes(parameter: str) -> Callable[[Endpoint], Endpoint]:
    """Document an endpoint that removes the row with this id."""
    return docs.casino_endpoint(
        _REMOVED,
        operation_id=f"remove_{parameter.removesuffix('_id')}",
        parameters=[OpenApiParameter(parameter, str, OpenApiParameter.PATH)],
        request=None,
    )

"""The parts of the OpenAPI schema of the endpoints for experiments."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiParameter

from recommendations.experiments.definition import MAX_EXPLORED, Guard
from recommendations.experiments.guard_report import STATES
from recommendations.experiments.statistics.verdict import VerdictCode
from recommendations.serving.experiments.running import Kind, Metric
from tenants.models import ExperimentState

from . import openapi as docs

_TIME: docs.Schema = {"type": ["string", "null"], "format": "date-time"}
_NAME: docs.Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,39}$"}
_PART: docs.Schema = {"type": "number", "exclusiveMinimum": 0, "maximum": 1}
DEFINITION: docs.Schema = {
    "type": "object",
    "description": "All fields: /experiments/definition.schema.json.",
    "required": ["name", "kind", "variants"],
    "properties": {
        "name": _NAME,
        "kind": {"type": "string", "enum": list(Kind)},
        "variants": {
            "type": "array",
            "minItems": 2,
            "items": {
                "type": "object",
                "required": ["name", "share"],
                "properties": {
                    "name": _NAME,
                    "share": _PART,
                    "recommender_type": {"type": ["string", "null"]},
                    "options": {"type": "object"},
                },
                "additionalProperties": False,
            },
        },
        "traffic": _PART,
        "placement": {"type": ["string", "null"]},
        "metric": {"type": "string", "enum": list(Metric)},
        "second_metric": {"type": ["string", "null"], "enum": [*Metric, None]},
        "margin": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 0.5},
        "planned_days": {"type": "integer", "minimum": 7, "maximum": 56},
        "starts_at": _TIME,
        "stops_at": _TIME,
        "explore": {"type": "number", "minimum": 0, "maximum": MAX_EXPLORED},
        "guards": {"type": "array", "items": {"type": "string", "enum": list(Guard)}},
        "auto_stop": {"type": "boolean"},
    },
    "additionalProperties": False,
}
EXPERIMENT: docs.Schema = {
    "type": "object",
    "required": ["name", "state", "starts_at", "stops_at", "enrolled_traffic", "definition"],
    "properties": {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": list(ExperimentState.values)},
        "starts_at": _TIME,
        "stops_at": _TIME,
        "enrolled_traffic": {"type": "number", "description": "The share of users who take part."},
        "created_at": _TIME,
        "created_by": {"type": "string"},
        "started_by": {"type": "string"},
        "stopped_by": {"type": "string"},
        "definition": {"type": "object"},
    },
}
EXPERIMENTS: docs.Schema = {
    "type": "object",
    "required": ["experiments"],
    "properties": {"experiments": {"type": "array", "items": EXPERIMENT}},
}
_COUNTS: docs.Schema = {"type": "object", "additionalProperties": {"type": "integer"}}
_NUMBER: docs.Schema = {"type": ["number", "null"]}
_LOOK: docs.Schema = {
    "type": "object",
    "required": ["day", "estimate", "low", "high", "z", "boundary"],
    "properties": {
        "day": {"type": "string", "format": "date"},
        **{key: {"type": "number"} for key in ("estimate", "low", "high", "z", "boundary")},
    },
}
REPORT: docs.Schema = {
    "type": "object",
    "required": [
        *("name", "state", "metric", "days", "users", "credits", "variants", "looked_at", "is_outdated"),
        *("unlooked_since", "second", "guards"),
    ],
    "properties": {
        "name": {"type": "string"},
        "state": {"type": "string", "enum": list(ExperimentState.values)},
        "metric": {"type": "string", "enum": [*Metric, "credits"]},
        "days": {"type": "integer", "description": "The experiment's days in UTC, the first and the latest included."},
        "users": {**_COUNTS, "description": "The number of users who have entered each variant."},
        "credits": {**_COUNTS, "description": "In an interleaving: bets on events that only this variant's list had."},
        "variants": {
            "type": "array",
            "description": "The comparison of each variant with the first.",
            "items": {
                "type": "object",
                "required": ["variant", "verdict", "sentence", "estimate", "low", "high", "progress", "looks"],
                "properties": {
                    "variant": _NAME,
                    "verdict": {"type": "string", "enum": list(VerdictCode)},
                    "sentence": {"type": "string"},
                    "estimate": {**_NUMBER, "description": "0.1: 10 % more. Null while too few users have bet."},
                    "low": {**_NUMBER, "description": "The 95 % confidence interval, which is valid at every look."},
                    "high": _NUMBER,
                    "progress": {**_NUMBER, "description": "The share of the planned information, 1 at the end."},
                    "looks": {
                        "type": "array",
                        "description": "The result at the end of each day, once enough users had bet. The difference, "
                        "of z standard errors, is significant if |z| is above boundary.",
                        "items": _LOOK,
                    },
                },
            },
        },
    },
}
_SECOND: docs.Schema = {
    "type": "object",
    "required": ["variant", "metric", "estimate", "low", "high"],
    "properties": {
        "variant": _NAME,
        "metric": {"type": "string", "enum": list(Metric)},
        "estimate": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
    },
}
_GUARD: docs.Schema = {
    "type": "object",
    "required": ["variant", "guard", "state", "limit", "sentence", "estimate", "broken_at"],
    "properties": {
        "variant": _NAME,
        "guard": {"type": "string", "enum": list(Guard)},
        "state": {"type": "string", "enum": list(STATES), "description": "unknown: too little data yet."},
        "limit": {"type": "number"},
        "sentence": {"type": "string", "description": "The sentence about a broken guard."},
        "estimate": _NUMBER,
        "broken_at": _TIME,
    },
}
REPORT["properties"] |= {
    "looked_at": {"type": "string", "format": "date-time", "description": "The time of the report's data."},
    "is_outdated": {"type": "boolean", "description": "The experiment runs, without a look in the last 3 hours."},
    "unlooked_since": _TIME | {"description": "If is_outdated: the time of the latest look, or of the start."},
    "second": {"type": "array", "description": "The second metric, from its first look on.", "items": _SECOND},
    "guards": {"type": "array", "items": _GUARD},
}
GROWN: docs.Schema = {
    "type": "object",
    "required": ["traffic"],
    "properties": {"traffic": _PART},
    "additionalProperties": False,
}
NAME = OpenApiParameter("name", str, OpenApiParameter.PATH, description="The experiment's name.")
_CODES = ("experiment_not_found", "experiment_conflict", "invalid_experiment", "invalid_parameter")


def change_endpoint(operation_id: str, *codes: str, **more: Any) -> Callable[[docs.Endpoint], docs.Endpoint]:
    """Document an endpoint that changes an existing experiment."""
    return docs.casino_endpoint(
        EXPERIMENT, codes=(*docs.BODY_CODES, *_CODES, *codes), operation_id=operation_id, parameters=[NAME], **more
    )

"""The parts of the OpenAPI schema of the endpoint for sales."""

from datetime import date

from drf_spectacular.utils import OpenApiParameter

from .openapi import Schema

_COUNT: Schema = {"type": "integer", "minimum": 0}
_SHARE: Schema = {"type": ["number", "null"], "minimum": 0}
_AMOUNTS: Schema = {
    "type": "object",
    "additionalProperties": {"type": "number"},
    "description": "Amounts by currency, under an empty name for users of unknown currency.",
}
_BETS: Schema = {"bets": _COUNT, "bettors": _COUNT, "turnover": _AMOUNTS, "matched_turnover": _AMOUNTS}
_LINE: Schema = {
    "name": {"type": "string"},
    **dict.fromkeys(("answers", "empty", "refused", "withheld", "seen", "clicked", "reached", "converted"), _COUNT),
    **_BETS,
    "conversion": _SHARE | {"description": "The share of reached user-days that have an attributed bet."},
    "conversion_low": _SHARE | {"description": "The lower end of its 95 % confidence interval (Wilson)."},
    "conversion_high": _SHARE | {"description": "The upper end."},
}
_TOTAL: Schema = {
    **_LINE,
    "active": _COUNT,
    "coupons": _COUNT,
    "coupon_turnover": _AMOUNTS,
    "reach": _SHARE | {"description": "The share of user-days with a request or a bet that were reached."},
    "coverage": _SHARE | {"description": "The share of coupons that are attributed."},
}


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}


def _lines(properties: Schema) -> Schema:
    return {"type": "array", "items": _object(properties)}


SALES: Schema = _object(
    {
        "casino_id": {"type": "integer"},
        "from": {"type": "string", "format": "date"},
        "to": {"type": "string", "format": "date"},
        "total": _object(_TOTAL),
        "days": _lines(_TOTAL),
        "recommenders": _lines(_LINE),
        "placements": _lines(_LINE),
        "markets": _lines({"name": {"type": "string"}, **_BETS}),
        "due": _COUNT | {"description": "Stored coupons and answers that are not counted yet."},
    }
)
PERIOD = [
    OpenApiParameter("from", date, description="The first day (UTC); by default six days before the last."),
    OpenApiParameter("to", date, description="The last day (UTC); by default today. At most 366 days."),
]

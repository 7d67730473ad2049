"""The doors into this app: configure a casino, recommend to users, create dummy coupons.

All but `configure` work on the current casino's data.
"""

import random
from collections.abc import Sequence
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Login
from django.db import transaction

from tenants.models import Casino
from tenants.ttl_cache import wait_until_caches_expire

from .errors import CasinoNotConfigured, InvalidConfiguration, InvalidParameter, UserNotFound
from .models import User
from .recommenders.registry import get_recommender
from .serving import load
from .serving.engine import RecommendationRequest, build_recommendation
from .serving.options import DEFAULTS, Options, load_options, options_as_json, parse_options
from .serving.output_schema import FieldMapping, apply_schema, load_schema, needs_reasons, parse_schema, schema_as_json
from .serving.recommendation import Recommendation
from .serving.request_filters import NO_FILTERS, RequestFilters
from .serving.served import as_served, send_served
from .serving.user_context import build_user_context
from .simulation.dummies import dummy_coupon
from .storing import store_coupons

BATCH_LIMIT = 500
DUMMY_COUPONS = 3

_UNCHANGED = object()


def configure(
    *,
    casino: Casino,
    recommender_type: object,
    recommendation_schema: object,
    now: datetime,
    options: object = _UNCHANGED,
    staff: Login | None = None,
) -> Casino:
    """Keep how a casino wants its recommendations; options that are not given stay, None takes them back. When this
    is done, every process goes by it, and the admin's history of the casino says which `staff` did it, if any.

    Raises InvalidConfiguration, and then changes nothing.
    """
    if not recommender_type or not recommendation_schema:
        raise InvalidConfiguration("Both recommender_type and recommendation_schema are required")
    name, schema = get_recommender(recommender_type).name, schema_as_json(parse_schema(recommendation_schema))
    changed = ["recommender_type", "recommendation_schema", "timestamp"]
    if options is not _UNCHANGED:
        casino.options = options_as_json(parse_options(options)) or None
        changed.append("options")
    before = casino.recommender_type
    casino.recommender_type, casino.recommendation_schema, casino.timestamp = name, schema, now
    with transaction.atomic():
        casino.save(update_fields=changed)
        if staff is not None:
            message = f"Configured: recommender {before or 'none'} to {name}."
            LogEntry.objects.log_actions(staff.pk, [casino], CHANGE, message, single_object=True)
        wait_until_caches_expire()
    return casino


def recommend_mapped(
    *, casino: Casino, user_id: int, now: datetime, filters: RequestFilters = NO_FILTERS
) -> dict[str, Any]:
    """A recommendation in the casino's own fields and types. Raises CasinoNotConfigured, UserNotFound."""
    schema = _schema_of(casino)
    recommendations = _recommend(_question(casino, schema, now, filters), [user_id])
    if not recommendations:
        raise UserNotFound("User not found")
    return _mapped(schema, recommendations[0], filters)


def recommend_many_mapped(
    *, casino: Casino, user_ids: Sequence[int], now: datetime, filters: RequestFilters = NO_FILTERS
) -> tuple[list[dict[str, Any]], list[int]]:
    """The same for up to `BATCH_LIMIT` users, in their order, and the ids of those who are not known.

    Raises CasinoNotConfigured, InvalidParameter.
    """
    if not 1 <= len(user_ids) <= BATCH_LIMIT:
        raise InvalidParameter(f"user_ids must list 1 to {BATCH_LIMIT} users, not {len(user_ids)}")
    schema = _schema_of(casino)
    recommendations = _recommend(_question(casino, schema, now, filters), user_ids)
    known = {recommendation.user_id for recommendation in recommendations}
    unknown = [user_id for user_id in dict.fromkeys(user_ids) if user_id not in known]
    return [_mapped(schema, recommendation, filters) for recommendation in recommendations], unknown


def recommend(
    *,
    casino_id: int,
    recommender_type: str | None,
    user_id: int,
    now: datetime,
    options: Options = DEFAULTS,
    filters: RequestFilters = NO_FILTERS,
) -> Recommendation:
    """The slip that a recommender chooses for a user of the current casino. Raises UserNotFound, InvalidConfiguration.

    The user, the profile and the offer's version come by one query; the same request within an hour, over an
    unchanged database, gets the same events.
    """
    request = RecommendationRequest(
        casino_id, get_recommender(recommender_type), now, options, filters, needs_reasons=True
    )
    recommendations = _recommend(request, [user_id])
    if not recommendations:
        raise UserNotFound("User not found")
    return recommendations[0]


def purchase(*, user_id: int, now: datetime) -> list[int]:
    """Create three dummy coupons of up to three open events each, and answer their ids. Raises UserNotFound,
    NoOpenEvents."""
    if not User.objects.filter(pk=user_id).exists():
        raise UserNotFound("User not found")
    coupons = [dummy_coupon(random.Random(), user_id=user_id, now=now) for _ in range(DUMMY_COUPONS)]
    return [outcome.id for outcome in store_coupons(coupons) if outcome.id is not None]


def _schema_of(casino: Casino) -> tuple[FieldMapping, ...]:
    if not casino.is_configured:
        raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
    return load_schema(casino.recommendation_schema)


def _question(
    casino: Casino, schema: tuple[FieldMapping, ...], now: datetime, filters: RequestFilters
) -> RecommendationRequest:
    recommender = get_recommender(casino.recommender_type)
    options = load_options(casino.options)
    return RecommendationRequest(
        casino.pk, recommender, now, options, filters, filters.explain or needs_reasons(schema)
    )


def _recommend(request: RecommendationRequest, user_ids: Sequence[int]) -> list[Recommendation]:
    """Of the users that are known, in the order asked for, each once."""
    began = perf_counter()
    found = load.find(user_ids, request.now, request.hour)
    recommendations = [
        build_recommendation(
            request, build_user_context(user, request, found.casino_context), found.casino_context, uuid4()
        )
        for user_id in dict.fromkeys(user_ids)
        if (user := found.users.get(user_id)) is not None
    ]
    took_ms = round((perf_counter() - began) * 1_000 / max(len(recommendations), 1), 3)
    for recommendation in recommendations:
        if recommendation.recommended_events:
            send_served(as_served(recommendation, request.recommender.name, took_ms))
    return recommendations


def _mapped(
    schema: tuple[FieldMapping, ...], recommendation: Recommendation, filters: RequestFilters
) -> dict[str, Any]:
    mapped = apply_schema(schema, recommendation)
    return mapped | {"explanation": _explain(recommendation)} if filters.explain else mapped


def _explain(recommendation: Recommendation) -> dict[str, Any]:
    return {
        "recommender": recommendation.recommender,
        "fallback_step": recommendation.fallback_step,
        "model_version": recommendation.model_version,
        "confidence": recommendation.confidence,
        "refusal": recommendation.refusal,
        "events": [
            {"event_id": event.event_id, "score": event.score, "reasons": list(event.reasons)}
            for event in recommendation.recommended_events
        ],
    }

"""The services of views and commands: configure a casino, recommend to users, create dummy coupons.

All services except those of the configuration work on the current casino's data.
"""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from time import perf_counter
from typing import Any
from uuid import uuid4

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User as Login
from django.db import transaction
from msgspec import UNSET

from tenants.models import Casino
from tenants.routing.context import get_current_casino
from tenants.ttl_cache import answer_once_caches_expire

from .errors import IdNotOfType, InvalidConfiguration, InvalidParameter, UserNotFound
from .models import User
from .recommenders.registry import get_recommender
from .serving.batch_turns import USERS_OF_TURN, batch_turns
from .serving.configuration import charged_configuration
from .serving.configuration_patch import patch_options, patch_schema
from .serving.engine import RecommendationRequest, build_recommendations
from .serving.experiments.groups import Group, group_by_variant, needs_of_variants
from .serving.experiments.running import RunningExperiment
from .serving.experiments.shared_contexts import SharedContexts
from .serving.explanation import explanation_of
from .serving.id_types import check_id_types
from .serving.load import Found, build_user_context, find
from .serving.metering import note_prices
from .serving.options import options_as_json, parse_options
from .serving.output_schema import DEFAULT_SCHEMA, FieldMapping, apply_schema, parse_schema, schema_as_json
from .serving.recommendation import (
    Recommendation,
    ServedEvent,
    ServedRecommendation,
    recommendation_served,
)
from .serving.request_filters import NO_FILTERS, RequestFilters
from .serving.slip_completion import SlipSelection
from .simulation.dummies import dummy_coupon
from .storing import store_coupons
from .text_ids import Kind, id_of
from .validation.own_ids import OwnId

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
    """Store a casino's configuration. `options` None resets the options; without `options` they are kept. Every process
    uses the configuration once the request is answered, or a command's call returns. The casino's history in the admin
    names the `staff`. Raises InvalidConfiguration."""
    _require_both(recommender_type, recommendation_schema)
    changes: dict[str, Any] = {
        "recommender_type": get_recommender(recommender_type).name,
        "recommendation_schema": _checked_schema(casino, recommendation_schema),
    }
    if options is not _UNCHANGED:
        changes["options"] = _checked_options(options)
    return _save_configuration(casino, changes, now, staff)


def patch_configuration(
    *, casino: Casino, patch: Mapping[str, Any], now: datetime, staff: Login | None = None
) -> Casino:
    """Merge a JSON merge patch into a casino's configuration, and store it as `configure` does. Fields that the patch
    does not name are neither changed nor validated. A casino without a schema gets the default one with its
    recommender. Raises InvalidConfiguration."""
    with transaction.atomic():  # merges concurrent patches one after the other
        casino = Casino.objects.select_for_update().get(pk=casino.pk)
        return _save_configuration(casino, _patched(casino, patch), now, staff)


def _patched(casino: Casino, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the patch changes, with their new values."""
    name, schema = patch.get("recommender_type", casino.recommender_type), casino.recommendation_schema
    if schema is None and "recommender_type" in patch:
        patch = {"recommendation_schema": schema_as_json(DEFAULT_SCHEMA), **patch}
    if "recommendation_schema" in patch:
        schema = patch_schema(schema, patch["recommendation_schema"])
    _require_both(name, schema)
    changes: dict[str, Any] = {}
    if "recommender_type" in patch:
        changes["recommender_type"] = get_recommender(name).name
    if "recommendation_schema" in patch:
        changes["recommendation_schema"] = _checked_schema(casino, schema)
    if "options" in patch:
        changes["options"] = _checked_options(patch_options(casino.options, patch["options"]))
    return changes


def _require_both(recommender_type: object, recommendation_schema: object) -> None:
    if not recommender_type or not recommendation_schema:
        raise InvalidConfiguration("Both recommender_type and recommendation_schema are required")


def _checked_schema(casino: Casino, schema: object) -> dict[str, Any]:
    fields = parse_schema(schema)
    check_id_types(casino, fields)
    return schema_as_json(fields)


def _checked_options(options: object) -> dict[str, Any] | None:
    return options_as_json(parse_options(options)) or None


def _save_configuration(casino: Casino, changes: Mapping[str, Any], now: datetime, staff: Login | None) -> Casino:
    before = casino.recommender_type
    changes = {**changes, "timestamp": now}
    for name, value in changes.items():
        setattr(casino, name, value)
    with transaction.atomic():
        casino.save(update_fields=list(changes))
        if staff is not None:
            message = f"Configured: recommender {before or 'none'} to {casino.recommender_type}."
            LogEntry.objects.log_actions(staff.pk, [casino], CHANGE, message, single_object=True)
        answer_once_caches_expire()
    return casino


def change_options(casino_id: int, change: Callable[[dict[str, Any]], dict[str, Any]], *, now: datetime) -> Casino:
    """Apply `change` to a casino's stored options, and store the result. Raises InvalidConfiguration."""
    with transaction.atomic():
        casino = Casino.objects.select_for_update().get(pk=casino_id)
        changes = {"options": _checked_options(change(casino.options or {}))}
        return _save_configuration(casino, changes, now, staff=None)


def recommend_mapped(
    *,
    casino: Casino,
    user_ids: Sequence[OwnId],
    now: datetime,
    filters: RequestFilters = NO_FILTERS,
    selections: tuple[SlipSelection, ...] = (),
    variant: str = "",
) -> dict[OwnId, dict[str, Any] | IdNotOfType]:
    """Recommend to up to `BATCH_LIMIT` users, in the casino's own fields and types. Returns each known user's answer by
    user id, in the given order, or IdNotOfType if an id does not have the declared type. With `selections`, recommends
    additions to a slip of these. `variant` forces a variant of an experiment, for tests. A request with a large
    response counts as several. Sends `recommendation_served` for each answer, also for answers without events. Raises
    CasinoNotConfigured, InvalidParameter."""
    if len(user_ids) != 1:
        check_user_count(len(user_ids))
    configured = charged_configuration(casino, filters, users=len(user_ids))
    request = RecommendationRequest(
        casino_id=casino.id,
        recommender=configured.recommender,
        now=now,
        options=configured.options,
        filters=filters,
        needs_reasons=filters.explain or configured.needs_reasons,
        selections=selections,
    )
    began, compared = perf_counter(), 0.0
    if configured.experiments or variant:
        recommendations, compared = _recommend_by_variant(request, user_ids, configured.experiments, variant)
    else:
        recommendations = recommend(request, user_ids)
    took_ms = round((perf_counter() - began - compared) * 1_000 / max(len(recommendations), 1), 3)
    with batch_turns.parts(recommendations) as parts:
        answers = [_mapped(configured.schema, each, explain=filters.explain) for part in parts for each in part]
    for each, answer in zip(recommendations, answers, strict=True):
        if isinstance(answer, dict):
            _send(each, request.recommender.name, took_ms, filters.placement)
    return {each.own_id: answer for each, answer in zip(recommendations, answers, strict=True)}


def _mapped(
    schema: tuple[FieldMapping, ...], recommendation: Recommendation, *, explain: bool
) -> dict[str, Any] | IdNotOfType:
    try:
        answer = apply_schema(schema, recommendation)
    except IdNotOfType as error:  # concerns one user of the batch; the others are answered
        return error
    return answer | {"explanation": explanation_of(recommendation)} if explain else answer


def check_user_count(count: int) -> None:
    """Raises InvalidParameter for fewer than 1 or more than `BATCH_LIMIT` users."""
    if not 1 <= count <= BATCH_LIMIT:
        raise InvalidParameter(f"user_ids must list 1 to {BATCH_LIMIT} users, not {count}")


def _recommend_by_variant(
    request: RecommendationRequest, user_ids: Sequence[OwnId], experiments: Sequence[RunningExperiment], forced: str
) -> tuple[list[Recommendation], float]:
    """Recommend to the known users, each by the user's variant of the running experiments. Returns the recommendations,
    and the seconds spent on the slips of compared variants."""
    found = find(user_ids, request.now, request.hour, needs_of_variants(request, experiments))
    answers: dict[OwnId, Recommendation] = {}
    compared = 0.0
    for group in group_by_variant(found.users.values(), request, experiments, forced):
        for slips, others, seconds in _slips_of(group, found):
            compared += seconds
            for slip, *unsent in zip(slips, *others, strict=True):
                answers[slip.own_id] = group.answer(slip, unsent)
    return [answers[user_id] for user_id in dict.fromkeys(user_ids) if user_id in answers], compared


def _slips_of(group: Group, found: Found) -> Iterator[tuple[list[Recommendation], list[list[Recommendation]], float]]:
    """Yield, for each part of the group's users, the slips of the group's request, the slips of each compared request,
    and the seconds spent on the latter."""
    if not group.compared:
        yield recommend(group.request, group.user_ids, found), [], 0.0
        return
    requests = (group.request, *group.compared)
    for begin in range(0, len(group.user_ids), USERS_OF_TURN):  # the contexts of a whole batch would take much memory
        users, contexts = group.user_ids[begin : begin + USERS_OF_TURN], SharedContexts(requests)
        slips, began = recommend(group.request, users, found, contexts), perf_counter()
        others = [recommend(each, users, found, contexts) for each in group.compared]
        yield slips, others, perf_counter() - began


def _send(answer: Recommendation, asked_for: str, took_ms: float, placement: str) -> None:
    """Send an answer; in an experiment, the slips of all compared variants. A forced variant is a preview: nothing is
    sent."""
    mine = answer.users_variant
    if mine is None:
        send_served(answer, asked_for=asked_for, took_ms=took_ms, placement=placement)
    elif not mine.is_forced:
        for slip in (*((answer,) if mine.is_shown else ()), *answer.unsent):
            if slip.users_variant is not None:
                send_served(slip, asked_for=slip.users_variant.asked_for, took_ms=took_ms, placement=placement)


def recommend(
    request: RecommendationRequest,
    user_ids: Sequence[OwnId],
    found: Found | None = None,
    contexts: SharedContexts | None = None,
) -> list[Recommendation]:
    """Recommend to the current casino's known users among `user_ids`, once each, in the given order. `found` has these
    users if they are loaded already; `contexts` are shared with other requests for them."""
    if found is None:
        found = find(user_ids, request.now, request.hour, request.needs)
    users = [found.users[user_id] for user_id in dict.fromkeys(user_ids) if user_id in found.users]

    context = found.casino_context
    context_of = build_user_context if contexts is None else contexts.of

    recommendations: list[Recommendation] = []
    with batch_turns.parts(users) as parts:
        for part in parts:
            user_contexts = [context_of(user, request, context) for user in part]
            recommendations += build_recommendations(request, user_contexts, context, uuid4)
    if context.prices is not None:
        note_prices(request, context, recommendations)
    return recommendations


def send_served(
    recommendation: Recommendation, *, asked_for: str, took_ms: float | None = None, placement: str = ""
) -> None:
    """Send `recommendation_served` for the current casino. Raises NoCurrentCasino."""
    if not recommendation_served.receivers:
        return
    casino_id = get_current_casino().id
    if recommendation.refusal:
        served = _refused(recommendation, asked_for)
    else:
        served = _served(recommendation, asked_for, took_ms, placement)
    recommendation_served.send_robust(ServedRecommendation, casino_id=casino_id, served=served)


def _refused(recommendation: Recommendation, asked_for: str) -> ServedRecommendation:
    """The message of a refusal: no events, and the reason."""
    return ServedRecommendation(
        recommendation_id=recommendation.recommendation_id,
        user_id=recommendation.user_id,
        timestamp=recommendation.timestamp,
        recommender=recommendation.recommender,
        asked_for=asked_for,
        stake=Decimal(),
        currency="",
        events=(),
        refusal=recommendation.refusal,
    )


def _served(
    recommendation: Recommendation, asked_for: str, took_ms: float | None, placement: str
) -> ServedRecommendation:
    step, mine = recommendation.fallback_step, recommendation.users_variant
    return ServedRecommendation(
        recommendation_id=recommendation.recommendation_id,
        user_id=recommendation.user_id,
        timestamp=recommendation.timestamp,
        recommender=recommendation.recommender,
        asked_for=asked_for,
        fallback=str(step) if step else "",
        model_version=recommendation.model_version,
        stake=recommendation.stake,
        currency=recommendation.currency,
        events=tuple(
            ServedEvent(
                event.event_id,
                event.odd,
                event.score,
                market=event.market or UNSET,
                line=event.line or UNSET,
                outcome=event.outcome or UNSET,
                team=event.team or UNSET,
                first_team=event.first_team or UNSET,
                propensity=UNSET if event.propensity is None else event.propensity,
                candidates=event.candidates or UNSET,
            )
            for event in recommendation.recommended_events
        ),
        took_ms=took_ms,
        placement=placement or UNSET,
        experiment=UNSET if mine is None else mine.experiment,
        variant=UNSET if mine is None else mine.variant,
        propensity=UNSET if mine is None else mine.propensity,
        shown=UNSET if mine is None or mine.is_shown else False,
    )


def purchase(*, user_id: OwnId, now: datetime) -> list[int]:
    """Create three dummy coupons of up to three open events each, and return their ids. Raises UserNotFound,
    NoOpenEvents."""
    stored_id = id_of(Kind.USERS, user_id)
    if stored_id is None or not User.objects.filter(pk=stored_id).exists():
        raise UserNotFound("User not found")
    coupons = [dummy_coupon(random.Random(), user_id=stored_id, now=now) for _ in range(DUMMY_COUPONS)]
    return [outcome.id for outcome in store_coupons(coupons) if outcome.id is not None]

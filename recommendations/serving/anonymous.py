"""The services of endpoints without a user: similar events, popular events, and a session of an anonymous visitor.

They have no user, so they apply no guard rails, suggest no stake, and neither store nor publish anything. The rules for
events are the same as in `/recommend`.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from recommendations.errors import EventNotFound, ListsWithoutUserOff
from recommendations.recommenders.base import NOBODY, BettingProfile, Recommender
from recommendations.recommenders.registry import get_recommender
from recommendations.recommenders.similar import Similar, profile_of
from recommendations.validation.own_ids import OwnId
from tenants.models import Casino

from .configuration import Configuration, charged_configuration
from .engine import CasinoContext, RecommendationRequest, UserContext, build_recommendation
from .explanation import explanation_of
from .load import find
from .metering import note_prices
from .output_schema import apply_schema, without_user
from .recommendation import Recommendation
from .request_filters import RequestFilters
from .session_profile import profile_of_session, session_reasons, tallies_of
from .slip_completion import SlipSelection, place_in

_SIMILAR, _POPULAR = Similar(), get_recommender("trending")
_OFF = "The casino's option lists_without_user is false. Use /recommend/<user_id> or its /next instead"


def popular_events(*, casino: Casino, now: datetime, filters: RequestFilters) -> dict[str, Any]:
    """The events with most bets of the casino's users now; without bets, the events that begin soonest. Raises
    CasinoNotConfigured, InvalidParameter, ListsWithoutUserOff, IdNotOfType."""
    configured = _configuration(casino, filters)
    request = _request(casino, configured, _POPULAR, now, filters)
    # the casino's fallbacks are for one user's recommendations
    request = replace(request, options=replace(configured.options, fallbacks=()))
    return _answer(configured, request, _build(request, NOBODY, _context(request)))


def similar_events(*, casino: Casino, event_id: OwnId, now: datetime, filters: RequestFilters) -> dict[str, Any]:
    """Events similar to this one, of its sport unless the filters name others. Raises EventNotFound,
    CasinoNotConfigured, InvalidParameter, ListsWithoutUserOff, IdNotOfType."""
    configured = _configuration(casino, filters)
    request = _request(casino, configured, _SIMILAR, now, filters)
    context = _context(request)
    place = place_in(context.offer, SlipSelection(event_id))
    if place is None or context.offer.ends[place] <= now.timestamp():
        raise EventNotFound("Event not found among the open events")
    sports = filters.sports or {context.offer.sport[place]}
    others = replace(filters, sports=frozenset(sports), excluded=filters.excluded | {event_id})
    built = _build(replace(request, filters=others), profile_of(context.offer, place), context)
    return _answer(configured, request, built)


def recommend_to_session(
    *,
    casino: Casino,
    selections: tuple[SlipSelection, ...],
    viewed: tuple[SlipSelection, ...],
    now: datetime,
    filters: RequestFilters,
) -> dict[str, Any]:
    """Recommend additions to a slip with these selections for an anonymous visitor, from these and the viewed events.
    Raises CasinoNotConfigured, InvalidParameter, ListsWithoutUserOff, IdNotOfType."""
    configured = _configuration(casino, filters)
    request = _request(casino, configured, configured.recommender, now, filters)
    needs_reasons = request.needs_reasons
    # the recommenders' reasons mention bets, which a session lacks
    request = replace(request, selections=selections, needs_reasons=False)
    context = _context(request)
    tallies = tallies_of(context.offer, (*selections, *viewed), request.hour)
    built = _build(request, profile_of_session(request, context, tallies), context)
    if needs_reasons:
        reasoned = [
            replace(each, reasons=session_reasons(tallies, context.offer, each.event_id))
            for each in built.recommended_events
        ]
        built = replace(built, recommended_events=tuple(reasoned))
    return _answer(configured, request, built)


def _configuration(casino: Casino, filters: RequestFilters) -> Configuration:
    """Raises CasinoNotConfigured, InvalidParameter, ListsWithoutUserOff."""
    configured = charged_configuration(casino, filters)
    if not configured.options.lists_without_user:
        raise ListsWithoutUserOff(_OFF)
    return configured


def _request(
    casino: Casino,
    configured: Configuration,
    recommender: Recommender,
    now: datetime,
    filters: RequestFilters,
) -> RecommendationRequest:
    needs_reasons = filters.explain or configured.needs_reasons
    return RecommendationRequest(casino.pk, recommender, now, configured.options, filters, needs_reasons)


def _context(request: RecommendationRequest) -> CasinoContext:
    return find((), request.now, request.hour, request.needs).casino_context


def _build(request: RecommendationRequest, profile: BettingProfile, context: CasinoContext) -> Recommendation:
    unknown_user = UserContext(user_id=0, own_id=0, user=None, profile=profile)
    built = build_recommendation(request, unknown_user, context, uuid4())
    if context.prices is not None:
        note_prices(request, context, [built])
    return built


def _answer(configured: Configuration, request: RecommendationRequest, built: Recommendation) -> dict[str, Any]:
    """The casino's fields, without the fields about a user."""
    answer = apply_schema(without_user(configured.schema), built)
    return answer | ({"explanation": explanation_of(built)} if request.filters.explain else {})

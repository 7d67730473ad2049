"""The doors into this app: configure a casino, recommend to a user, create dummy coupons.

All but `configure` work on the current casino's data.
"""

import random
from datetime import datetime
from typing import Any
from uuid import uuid4

import numpy as np
from django.db.models import BigIntegerField, Func, Subquery, TextField, Value

from tenants.models import Casino

from . import slip
from .dummies import dummy_coupon
from .errors import CasinoNotConfigured, InvalidConfiguration, UserNotFound
from .models import OfferVersion, User
from .offer import Offer, offers
from .profiles import load_profile, usual_stake
from .recommendation import Recommendation, RecommendedEvent
from .recommenders.registry import get_recommender
from .schema import apply_schema, parse_schema, schema_as_json
from .served import ServedEvent, ServedRecommendation, announce
from .storing import store_coupons

EVENT_LIMIT = 3
DUMMY_COUPONS = 3


def configure(*, casino: Casino, recommender_type: object, recommendation_schema: object, now: datetime) -> Casino:
    """Keep how a casino wants its recommendations. Raises InvalidConfiguration, and then changes nothing."""
    if not recommender_type or not recommendation_schema:
        raise InvalidConfiguration("Both recommender_type and recommendation_schema are required")
    name, schema = get_recommender(recommender_type).name, schema_as_json(parse_schema(recommendation_schema))
    casino.recommender_type, casino.recommendation_schema, casino.timestamp = name, schema, now
    casino.save(update_fields=["recommender_type", "recommendation_schema", "timestamp"])
    return casino


def recommend_mapped(*, casino: Casino, user_id: int, now: datetime) -> dict[str, Any]:
    """A recommendation in the casino's own fields and types. Raises CasinoNotConfigured, UserNotFound."""
    if not casino.is_configured:
        raise CasinoNotConfigured("Casino is not configured. Please set up the casino first.")
    recommendation = recommend(casino_id=casino.pk, recommender_type=casino.recommender_type, user_id=user_id, now=now)
    return apply_schema(parse_schema(casino.recommendation_schema), recommendation)


def recommend(
    *, casino_id: int, recommender_type: str | None, user_id: int, now: datetime, limit: int = EVENT_LIMIT
) -> Recommendation:
    """The slip that a recommender chooses for a user of the current casino. Raises UserNotFound, InvalidConfiguration.

    The user, the profile and what changed in the offer come by one query; the same question within an hour, over an
    unchanged database, gets the same events.
    """
    recommender = get_recommender(recommender_type)
    known = offers.known()
    user = _get_user(
        user_id,
        offer_version=Subquery(OfferVersion.objects.values("version")[:1]),
        offer_changes=Func(
            Value(known.version, BigIntegerField()),
            Value(now),
            function="offer_changes_since",
            output_field=TextField(null=True),
        ),
    )
    offer = offers.advance(known, user.offer_version, user.offer_changes, now)
    offer = offer.keep(slip.eligible(offer, now))
    # Two streams: whether the profile had to be computed anew must not change how the events are scored.
    seed = (casino_id, user_id, int(now.timestamp()) // 3600)
    profile_rng, score_rng = (np.random.default_rng([*seed, stream]) for stream in (0, 1))
    profile = load_profile(user, needs=recommender.needs, offer=offer, now=now, rng=profile_rng)
    places = slip.choose(offer, recommender.score(offer, profile, score_rng), now, limit)
    recommendation = Recommendation(
        recommendation_id=uuid4(),
        user_id=user_id,
        stake=usual_stake(user),
        timestamp=now,
        recommender=recommender.name,
        recommended_events=tuple(_recommended_event(offer, place) for place in places),
    )
    announce(_served(recommendation, user))
    return recommendation


def purchase(*, user_id: int, now: datetime) -> list[int]:
    """Create three dummy coupons of up to three open events each, and answer their ids. Raises UserNotFound,
    NoOpenEvents."""
    _get_user(user_id)
    coupons = [dummy_coupon(random.Random(), user_id=user_id, now=now) for _ in range(DUMMY_COUPONS)]
    return [outcome.id for outcome in store_coupons(coupons) if outcome.id is not None]


def _get_user(user_id: int, **annotations: Any) -> Any:
    user = User.objects.select_related("profile").annotate(**annotations).filter(pk=user_id).first()
    if user is None:
        raise UserNotFound("User not found")
    return user


def _recommended_event(offer: Offer, place: int) -> RecommendedEvent:
    return RecommendedEvent(
        event_id=int(offer.ids[place]),
        country=offer.country[place],
        league=offer.league[place],
        home_team=offer.home_team[place],
        away_team=offer.away_team[place],
        sport=offer.sport[place],
        odd=float(offer.odds[place]),
    )


def _served(recommendation: Recommendation, user: User) -> ServedRecommendation:
    return ServedRecommendation(
        recommendation_id=recommendation.recommendation_id,
        user_id=recommendation.user_id,
        timestamp=recommendation.timestamp,
        recommender=recommendation.recommender,
        asked_for=recommendation.recommender,
        stake=recommendation.stake,
        currency=user.currency,
        events=tuple(ServedEvent(event.event_id, event.odd) for event in recommendation.recommended_events),
    )

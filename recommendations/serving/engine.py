"""Builds a recommendation from a request, a user and a casino, without database or clock; all randomness comes from the
request's seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import prod
from uuid import UUID

from recommendations.models import EventStatus
from recommendations.offer import Offer
from recommendations.offer.arrays import Floats
from recommendations.recommenders.base import (
    NO_MODELS,
    BettingProfile,
    FittedModels,
    ProfilePart,
    Recommender,
    ScoringContext,
)
from recommendations.recommenders.registry import get_recommender
from recommendations.tallies.trends import NO_TRENDS, Trends
from recommendations.validation.identity import Match
from recommendations.validation.own_ids import OwnId

from . import slip
from .guard_rails import GuardedUser, currency_of, refuse, round_down, suggest_stake
from .options import DEFAULTS, Options
from .recommendation import Recommendation, RecommendedEvent
from .request_filters import NO_FILTERS, RequestFilters
from .start_times import with_unknown_start_times

_EMPTY_SLIP_EXPIRES = timedelta(minutes=5)
_COUPONS_OF_HALF_CONFIDENCE = 10


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """The part of a request that all its users share.

    `hour`: the start of the hour, Unix seconds; scores depend on that time, so that they are the same for an hour.
    `limit`: the most events of one recommendation. `chain`: the recommender, then its fallbacks; `needs`: the parts of
    profiles that any of them needs.
    """

    casino_id: int
    recommender: Recommender
    now: datetime
    options: Options = DEFAULTS
    filters: RequestFilters = NO_FILTERS
    needs_reasons: bool = False
    limit: int = field(init=False)
    hour: float = field(init=False)
    chain: tuple[Recommender, ...] = field(init=False)
    needs: frozenset[ProfilePart] = field(init=False)

    def __post_init__(self) -> None:
        chain = _chain_of(self.recommender.name, self.options.fallbacks)
        hour = self.now.replace(minute=0, second=0, microsecond=0)
        limit = self.options.event_limit if self.filters.limit is None else self.filters.limit
        object.__setattr__(self, "limit", limit)
        object.__setattr__(self, "hour", hour.timestamp())
        object.__setattr__(self, "chain", chain)
        object.__setattr__(self, "needs", _needs_of(chain))

    def seed(self, user_id: int, stream: int) -> tuple[int, ...]:
        """The random seed of this casino, user, hour and stream."""
        return self.casino_id, user_id, int(self.hour) // 3_600, stream


@lru_cache(1_024)
def _chain_of(name: str, fallbacks: tuple[str, ...]) -> tuple[Recommender, ...]:
    return tuple(get_recommender(each) for each in dict.fromkeys([name, *fallbacks, "soonest"]))


@lru_cache(1_024)
def _needs_of(chain: tuple[Recommender, ...]) -> frozenset[ProfilePart]:
    return frozenset().union(*(recommender.needs for recommender in chain))


@dataclass(frozen=True, slots=True)
class UserContext:
    """One user: `user` for the guard rails, `profile` for recommenders. `held_events` (ids) and `held_matches` are in
    the user's coupons; `usual_stake` is None without coupons. `own_id`: the user's id as the casino has it."""

    user_id: int
    own_id: OwnId
    user: GuardedUser
    profile: BettingProfile
    coupon_count: int = 0
    usual_stake: Decimal | None = None
    held_events: frozenset[int] = frozenset()
    held_matches: frozenset[Match] = frozenset()


@dataclass(frozen=True, slots=True)
class CasinoContext:
    """The part of a recommender's input that all users of a casino share."""

    offer: Offer
    trends: Trends = NO_TRENDS
    models: FittedModels = NO_MODELS


def build_recommendation(
    request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext, recommendation_id: UUID
) -> Recommendation:
    """The recommendation for one user; without events where the guard rails forbid bets, or no event may be shown.

    Its confidence is n / (n + 10) for a user of n coupons, halved at each fallback.
    """
    user, currency = user_context.user, currency_of(user_context.user, request.options)
    refusal = refuse(user, request.options, request.now)
    recommender, step = request.recommender, 0
    events: tuple[RecommendedEvent, ...] = ()
    expires_at = None
    if refusal is None:
        context = _scoring_context(request, user_context, casino_context)
        step = next(number for number, each in enumerate(request.chain) if each.applies(context))
        recommender, excluded = request.chain[step], request.filters.excluded
        scores = recommender.score(context)
        rules = slip.Rules(
            now=context.now,
            limit=request.limit,
            options=request.options,
            sports=request.filters.sports,
            excluded=context.offer.texts.stored_ids(excluded) if excluded else frozenset(),
            held_events=user_context.held_events,
            held_matches=user_context.held_matches,
        )
        places = slip.choose(context.offer, scores, rules)
        events, expires_at = _recommended(places, scores, context, request, recommender)
    stake = suggest_stake(user, user_context.usual_stake, request.options) if events else Decimal()
    total_odds = prod((Decimal(str(event.odd)) for event in events), start=Decimal(bool(events)))
    coupons = user_context.coupon_count
    return Recommendation(
        recommendation_id=recommendation_id,
        user_id=user_context.user_id,
        own_id=user_context.own_id,
        stake=round_down(stake, currency, request.options),
        currency=currency,
        timestamp=request.now,
        expires_at=expires_at or request.now + _EMPTY_SLIP_EXPIRES,
        recommender=recommender.name,
        fallback_step=step,
        model_version=casino_context.models.version,
        confidence=round(coupons / (coupons + _COUPONS_OF_HALF_CONFIDENCE) / float(2**step), 3),
        refusal=refusal.value if refusal else "",
        recommended_events=events,
        total_odds=total_odds,
        potential_return=round_down(stake * total_odds, currency, request.options),
    )


def _scoring_context(
    request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext
) -> ScoringContext:
    return ScoringContext(
        offer=with_unknown_start_times(casino_context.offer, request.options.unknown_start_time_zone),
        profile=user_context.profile,
        now=request.now.timestamp(),
        hour=request.hour,
        seed=request.seed(user_context.user_id, 1),
        trends=casino_context.trends,
        models=casino_context.models,
        user_id=user_context.user_id,
    )


def _recommended(
    places: Sequence[int],
    scores: Floats,
    context: ScoringContext,
    request: RecommendationRequest,
    recommender: Recommender,
) -> tuple[tuple[RecommendedEvent, ...], datetime | None]:
    """The events at these places of the offer, and the time at which betting on the first of them ends."""
    offer, now, margin = context.offer, context.now, request.options.begin_margin_seconds
    events, closes = [], []
    for place in places:
        event_id, begin, end = int(offer.ids[place]), float(offer.begins[place]), float(offer.ends[place])
        closes.append(begin - margin if begin > now else end)
        events.append(
            RecommendedEvent(
                **offer.names(place),
                participants=offer.participants_of(place),
                odd=float(offer.odds[place]),
                event_id=event_id,
                own_id=offer.texts.by_id.get(event_id, event_id),
                begin_timestamp=datetime.fromtimestamp(begin, UTC),
                status=EventStatus.OPEN.value,
                score=float(scores[place]),
                reasons=tuple(recommender.reasons(context, place)) if request.needs_reasons else (),
            )
        )
    return tuple(events), datetime.fromtimestamp(min(closes), UTC) if closes else None

"""From what is known (a user, the offer, the trends) to a recommendation: no database, no clock, no chance that does
not come from the request. Serving and evaluation both ask here."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import prod
from uuid import UUID

from recommendations.models import EventStatus
from recommendations.offer import Offer
from recommendations.recommenders.base import NO_MODELS, FittedModels, Profile, ProfilePart, Recommender, ScoringContext
from recommendations.recommenders.registry import get_recommender
from recommendations.tallies.selections import Match, start_of_hour
from recommendations.tallies.trends import NO_TRENDS, Trends

from . import slip
from .currencies import round_down
from .guard_rails import GuardedUser, refuse, suggest_stake
from .options import DEFAULTS, Options
from .recommendation import Recommendation, RecommendedEvent
from .request_filters import NO_FILTERS, RequestFilters

_EMPTY_SLIP_EXPIRES = timedelta(minutes=5)
_SURE_AFTER = 10  # coupons after which the confidence is one half


@dataclass(frozen=True, slots=True)
class RecommendationRequest:
    """What is asked for every user alike."""

    casino_id: int
    recommender: Recommender
    now: datetime
    options: Options = DEFAULTS
    filters: RequestFilters = NO_FILTERS
    needs_reasons: bool = False

    @property
    def hour(self) -> float:
        """The start of the hour, Unix seconds. Scores depend on this time, so that they stay the same for an hour."""
        return start_of_hour(self.now).timestamp()

    def seed(self, user_id: int, stream: int) -> tuple[int, ...]:
        """The same numbers for the same casino, user and hour; another stream, others."""
        return self.casino_id, user_id, int(self.hour) // 3_600, stream

    @property
    def needs(self) -> frozenset[ProfilePart]:
        """What any of the chain needs to know of users."""
        return _needs_of(self.chain)

    @property
    def chain(self) -> tuple[Recommender, ...]:
        """The recommender, then the fallbacks."""
        return _chain_of(self.recommender.name, self.options.fallbacks)


@lru_cache(1_024)
def _chain_of(name: str, fallbacks: tuple[str, ...]) -> tuple[Recommender, ...]:
    return tuple(get_recommender(each) for each in dict.fromkeys([name, *fallbacks, "soonest"]))


@lru_cache(1_024)
def _needs_of(chain: tuple[Recommender, ...]) -> frozenset[ProfilePart]:
    return frozenset().union(*(recommender.needs for recommender in chain))


@dataclass(frozen=True, slots=True)
class UserContext:
    """The user that is asked about: `user` as the guard rails see users, `profile` as recommenders do. `held_events`
    (ids) and `held_matches` are those of the user's coupons; `usual_stake` is None without coupons."""

    user_id: int
    user: GuardedUser
    profile: Profile
    coupon_count: int = 0
    usual_stake: Decimal | None = None
    held_events: frozenset[int] = frozenset()
    held_matches: frozenset[Match] = frozenset()


@dataclass(frozen=True, slots=True)
class CasinoContext:
    """What recommenders know of a casino: the offer, trends and fitted models."""

    offer: Offer
    trends: Trends = NO_TRENDS
    models: FittedModels = NO_MODELS


@dataclass(frozen=True, slots=True)
class _Slip:
    recommender: str = ""
    step: int = 0
    events: tuple[RecommendedEvent, ...] = ()
    expires_at: datetime | None = None


_NOTHING = _Slip()


def build_recommendation(
    request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext, recommendation_id: UUID
) -> Recommendation:
    """The slip for one user. Always an answer: where the guard rails forbid bets, or none may be shown, one without
    events."""
    refusal = refuse(user_context.user, request.options, request.now)
    chosen = _NOTHING if refusal is not None else _choose(request, user_context, casino_context)
    stake = (
        suggest_stake(user_context.user, user_context.usual_stake, request.options)
        if chosen.events
        else Decimal("0.00")
    )
    total_odds = prod((Decimal(str(event.odd)) for event in chosen.events), start=Decimal(bool(chosen.events)))
    return Recommendation(
        recommendation_id=recommendation_id,
        user_id=user_context.user_id,
        stake=stake,
        currency=user_context.user.currency,
        timestamp=request.now,
        expires_at=chosen.expires_at or request.now + _EMPTY_SLIP_EXPIRES,
        recommender=chosen.recommender or request.recommender.name,
        fallback_step=chosen.step,
        model_version=casino_context.models.version,
        confidence=_confidence(user_context.coupon_count, chosen.step),
        refusal=refusal.value if refusal else "",
        recommended_events=chosen.events,
        total_odds=total_odds,
        potential_return=round_down(stake * total_odds, user_context.user.currency),
    )


def _choose(request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext) -> _Slip:
    context = ScoringContext(
        offer=casino_context.offer,
        profile=user_context.profile,
        now=request.now.timestamp(),
        hour=request.hour,
        seed=request.seed(user_context.user_id, 1),
        trends=casino_context.trends,
        models=casino_context.models,
        user_id=user_context.user_id,
    )
    step, recommender = next(
        (step, recommender) for step, recommender in enumerate(request.chain) if recommender.applies(context)
    )
    scores = recommender.score(context)
    places = slip.choose(casino_context.offer, scores, _rules(request, user_context))
    events = [_event(casino_context.offer, place, float(scores[place])) for place in places]
    if request.needs_reasons:
        reasons = [tuple(recommender.reasons(context, place)) for place in places]
        events = [replace(event, reasons=each) for event, each in zip(events, reasons, strict=True)]
    return _Slip(recommender.name, step, tuple(events), _expires_at(request, casino_context.offer, places))


def _rules(request: RecommendationRequest, user_context: UserContext) -> slip.Rules:
    return slip.Rules(
        now=request.now.timestamp(),
        limit=request.options.event_limit if request.filters.limit is None else request.filters.limit,
        options=request.options,
        sports=request.filters.sports,
        excluded=request.filters.excluded,
        held_events=user_context.held_events,
        held_matches=user_context.held_matches,
    )


def _confidence(coupon_count: int, step: int) -> float:
    """n / (n + 10) for a user of n coupons, halved at each fallback."""
    return round(coupon_count / (coupon_count + _SURE_AFTER) / float(2**step), 3)


def _expires_at(request: RecommendationRequest, offer: Offer, places: Sequence[int]) -> datetime | None:
    """When the first of the events can be bet on no more."""
    now, margin = request.now.timestamp(), request.options.begin_margin_seconds
    begins = ((float(offer.begins[place]), float(offer.ends[place])) for place in places)
    first = min((begin - margin if begin > now else end for begin, end in begins), default=None)
    return None if first is None else _time(first)


def _event(offer: Offer, place: int, score: float) -> RecommendedEvent:
    return RecommendedEvent(
        country=offer.country[place],
        league=offer.league[place],
        home_team=offer.home_team[place],
        away_team=offer.away_team[place],
        sport=offer.sport[place],
        odd=float(offer.odds[place]),
        event_id=int(offer.ids[place]),
        begin_timestamp=_time(float(offer.begins[place])),
        status=EventStatus.OPEN.value,
        score=score,
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

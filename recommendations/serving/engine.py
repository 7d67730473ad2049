"""Builds a recommendation from a request, a user and a casino, without database or clock. All randomness comes from the
request's seed."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import prod
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
from msgspec.structs import force_setattr, replace

from recommendations.models import EventStatus
from recommendations.offer import Offer
from recommendations.prices.choice import Leg, OutcomeChooser, PriceSource
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

from .exploration import explore, first_event_ids
from .guard_rails import GuardedUser, Refusal, currency_of, refuse, round_down, suggest_stake
from .interleaving import draft, first_applicable
from .legs import Search
from .options import DEFAULTS, Options
from .outcome_rules import PreferenceScorer, price_rules
from .recommendation import PassedOver, Recommendation, RecommendedEvent
from .request_filters import NO_FILTERS, RequestFilters
from .slip import Rules, shares_of
from .slip_completion import SlipSelection, with_selections
from .start_times import with_unknown_start_times
from .team_draft import Team

EMPTY_SLIP_EXPIRES = timedelta(minutes=5)
_SCORES_OF = "scores of "  # prefix of a recommender's name, in a context's memo
_STREAM_OF_COINS = 2  # a user's stream of random numbers; 0 and 1 are for favourite pairs and scores
_STREAM_OF_DRAWS = 3
_OPEN = EventStatus.OPEN.value


class RecommendationRequest(msgspec.Struct, frozen=True):
    """The part of a request that all its users share.

    `hour`: the start of the hour, Unix seconds; scores depend on it, so that they stay equal for an hour. `limit`: the
    maximal number of events in a recommendation. `selections`: of the slip to which events are added. `chain`: the
    recommender, then its fallbacks. `needs`: the parts of profiles that any of them needs, with `also_needs`. With a
    `rival`, slips are drafted from both recommenders' events. `explore`: the probability of drawing the last event. The
    fields from `limit` on are computed from the others; given values are ignored.
    """

    casino_id: int
    recommender: Recommender
    now: datetime
    options: Options = DEFAULTS
    filters: RequestFilters = NO_FILTERS
    needs_reasons: bool = False
    selections: tuple[SlipSelection, ...] = ()
    rival: Recommender | None = None
    explore: float = 0.0
    also_needs: frozenset[ProfilePart] = frozenset()
    limit: int = 0
    hour: float = 0.0
    chain: tuple[Recommender, ...] = ()
    rivals: tuple[Recommender, ...] = ()
    needs: frozenset[ProfilePart] = frozenset()

    def __post_init__(self) -> None:
        chain = _chain_of(self.recommender, self.options.fallbacks)
        rivals = () if self.rival is None else _chain_of(self.rival, self.options.fallbacks)
        limit = self.options.event_limit if self.filters.limit is None else self.filters.limit
        force_setattr(self, "limit", limit)
        force_setattr(self, "hour", self.now.replace(minute=0, second=0, microsecond=0).timestamp())
        force_setattr(self, "chain", chain)
        force_setattr(self, "rivals", rivals)
        of_reasons = frozenset({ProfilePart.RECENT} if self.needs_reasons else ())
        force_setattr(self, "needs", _needs_of((*chain, *rivals)) | of_reasons | self.also_needs)

    def seed(self, user_id: int, stream: int) -> tuple[int, ...]:
        """The random seed of this casino, user, hour and stream."""
        return self.casino_id, user_id, int(self.hour) // 3_600, stream


@lru_cache(1_024)
def _chain_of(recommender: Recommender, fallbacks: tuple[str, ...]) -> tuple[Recommender, ...]:
    others = [each for each in dict.fromkeys([*fallbacks, "soonest"]) if each != recommender.name]
    return recommender, *map(get_recommender, others)


@lru_cache(1_024)
def _needs_of(chain: tuple[Recommender, ...]) -> frozenset[ProfilePart]:
    return frozenset().union(*(recommender.needs for recommender in chain))


class UserContext(msgspec.Struct, frozen=True):
    """One user: `user` for the guard rails, `profile` for recommenders. `held_events` (ids) and `held_matches`: in the
    user's coupons. `usual_stake`: None without coupons. `own_id`: the casino's own id of the user. `user`: None for an
    anonymous visitor, without guard rails and stake. `personalisation`: whether the user allows personal recommenders;
    if not, the other fields are those of a user without coupons. `memo`: scores and their parts, shared by requests
    with the same casino context and hour.
    """

    user_id: int
    own_id: OwnId
    user: GuardedUser | None
    profile: BettingProfile
    coupon_count: int = 0
    usual_stake: Decimal | None = None
    held_events: frozenset[int] = frozenset()
    held_matches: frozenset[Match] = frozenset()
    personalisation: bool = True
    memo: dict[str, Any] | None = None


class CasinoContext(msgspec.Struct, frozen=True):
    """The part of a recommender's input that all users of a casino share. Without `prices`, no market is served."""

    offer: Offer
    trends: Trends = NO_TRENDS
    models: FittedModels = NO_MODELS
    prices: PriceSource | None = None


def build_recommendation(
    request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext, recommendation_id: UUID
) -> Recommendation:
    """The recommendation for one user; without events if the guard rails forbid bets or no event may be shown."""
    [built] = build_recommendations(request, [user_context], casino_context, lambda: recommendation_id)
    return built


def build_recommendations(
    request: RecommendationRequest,
    user_contexts: Sequence[UserContext],
    casino_context: CasinoContext,
    new_id: Callable[[], UUID],
) -> list[Recommendation]:
    """The recommendations of several users. The prices of their first events are read by one query, and those of a
    single user's slip and draw too."""
    rankings = [_rank(request, each, casino_context) for each in user_contexts]
    if casino_context.prices is not None and (len(rankings) > 1 or request.explore):
        look = first_event_ids if request.explore else Search.first_event_ids
        looks = [look(each.search) for each in rankings if isinstance(each, Ranking)]
        casino_context.prices.of(list({event_id for look in looks for event_id in look}))
    return [
        _build(request, each, casino_context, _fill_slip(ranking), new_id())
        for each, ranking in zip(user_contexts, rankings, strict=True)
    ]


def _build(
    request: RecommendationRequest,
    user_context: UserContext,
    casino_context: CasinoContext,
    slip: "_Slip",
    recommendation_id: UUID,
) -> Recommendation:
    user = user_context.user
    currency = "" if user is None else currency_of(user, request.options)
    smallest = request.options.catalogue.smallest_amount(currency)
    step, events = slip.step, slip.events
    if user is None or not events:
        stake = round_down(Decimal(), smallest)
    else:
        stake = suggest_stake(user, user_context.usual_stake, request.options)
    total_odds = prod((Decimal(str(event.odd)) for event in events), start=Decimal(bool(events)))
    recommender, models = request.chain[step], casino_context.models
    return Recommendation(
        recommendation_id=recommendation_id,
        user_id=user_context.user_id,
        own_id=user_context.own_id,
        stake=stake,
        currency=currency,
        timestamp=request.now,
        expires_at=slip.expires_at or request.now + EMPTY_SLIP_EXPIRES,
        recommender=recommender.name,
        fallback_step=step,
        model_version=models.version,
        confidence=round(recommender.confidence(models, user_context.coupon_count, slip.share, len(events), step), 3),
        refusal=slip.refusal,
        recommended_events=events,
        total_odds=total_odds,
        potential_return=round_down(stake * total_odds, smallest),
        passed_over=slip.passed_over,
        personalisation=user_context.personalisation,
    )


class _Slip(msgspec.Struct, frozen=True):
    """`share`: of the events in the softmax of the scores, if confidence depends on it; else 0."""

    step: int = 0
    events: tuple[RecommendedEvent, ...] = ()
    expires_at: datetime | None = None
    passed_over: tuple[PassedOver, ...] = ()
    refusal: str = ""
    share: float = 0.0


class Ranking(msgspec.Struct, frozen=True):
    """The scored events of one user's request, by the recommender at `step` of the chain. If two recommenders draft the
    slip: `teams`: place of an event -> the credited recommender; `first_team`: the one with the first turn; `rival`:
    the second recommender."""

    request: RecommendationRequest
    context: ScoringContext
    step: int
    search: Search
    teams: Mapping[int, Team] = {}
    first_team: Team | None = None
    rival: Recommender | None = None

    def recommender_of(self, place: int) -> Recommender:
        if self.rival is not None and self.teams.get(place) == "b":
            return self.rival
        return self.request.chain[self.step]


def _rank(
    request: RecommendationRequest, user_context: UserContext, casino_context: CasinoContext
) -> Ranking | Refusal:
    """Score the events by the first applicable recommender of the chain. Returns the refusal if a guard rail forbids
    bets."""
    user = user_context.user
    refusal = None if user is None else refuse(user, request.options, request.now)
    if refusal is not None:
        return refusal
    context = _scoring_context(request, user_context, casino_context)
    step = next(
        number
        for number, each in enumerate(request.chain)
        if (user_context.personalisation or not each.is_personal) and each.applies(context)
    )
    filters, prices, chooser = request.filters, casino_context.prices, None
    if context.offer.offered_by is not None and prices is not None:
        chooser = _chooser(request, context, prices)
    rules = Rules(
        now=context.now,
        limit=request.limit,
        options=request.options,
        sports=filters.sports,
        excluded=context.offer.texts.stored_ids(filters.excluded) if filters.excluded else frozenset(),
        held_events=user_context.held_events,
        held_matches=user_context.held_matches,
        min_odd=filters.min_odd,
        max_odd=filters.max_odd,
        alive=0 if chooser is None else chooser.alive,
        needs_market=bool(filters.markets),
    )
    if request.selections:
        rules = with_selections(rules, context.offer, request.selections)
    scores_of = _SCORES_OF + request.chain[step].name
    if (scores := context.memo.get(scores_of)) is None:
        scores = context.memo[scores_of] = request.chain[step].score(context)
    search = Search(context.offer, scores, rules, chooser, names_closed_feeds=filters.explain)
    ranking = Ranking(request, context, step, search)
    return ranking if request.rival is None else _interleaved(ranking)


def _interleaved(ranking: Ranking) -> Ranking:
    """The ranking with the events of the rival recommender drafted in."""
    context, search, request = ranking.context, ranking.search, ranking.request
    rival = first_applicable(request.rivals, context)
    seed = request.seed(context.user_id, _STREAM_OF_COINS)
    # until the search reads prices, each event that an open producer offers counts as priced
    drafted = draft(context.offer, (search.scores, rival.score(context)), search.rules, seed)
    drafted_search = replace(search, scores=drafted.scores, first_places=drafted.places)
    return Ranking(request, context, ranking.step, drafted_search, drafted.teams, drafted.first_team, rival)


def _chooser(request: RecommendationRequest, context: ScoringContext, prices: PriceSource) -> OutcomeChooser:
    scorer = PreferenceScorer(context.profile, context.trends, prices.lines)
    return OutcomeChooser(prices, price_rules(request.options, request.filters, context.now), scorer)


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
        user_id=user_context.user_id if user_context.personalisation else 0,
        memo={} if user_context.memo is None else user_context.memo,
    )


def _fill_slip(ranking: Ranking | Refusal) -> _Slip:
    if isinstance(ranking, Refusal):
        return _Slip(refusal=ranking.value)
    offer, now, margin = ranking.context.offer, ranking.context.now, ranking.request.options.begin_margin_seconds
    chosen, draw = ranking.search.run(), None
    if ranking.request.explore:
        rng = np.random.default_rng(ranking.request.seed(ranking.context.user_id, _STREAM_OF_DRAWS))
        chosen, draw = explore(ranking.search, chosen, ranking.request.explore, rng)
    events, closes = [], []
    for place in chosen.places:
        begin, leg = offer.begins.item(place), chosen.legs.get(place)
        closes.append(begin - margin if begin > now else offer.ends.item(place))
        if leg is not None:
            closes.append(leg.valid_until)
        events.append(_recommended_event(ranking, place, leg))
    if draw is not None:
        candidates = tuple(int(offer.ids[place]) for place in draw.candidates)
        events[-1] = replace(events[-1], candidates=candidates, propensity=draw.propensity)
    if events and ranking.first_team is not None:
        events[0] = replace(events[0], first_team=ranking.first_team.upper())
    expires_at = datetime.fromtimestamp(min(closes), UTC) if closes else None
    by_id, ids = offer.texts.by_id, offer.ids
    passed_over = tuple(
        PassedOver(by_id.get(ids.item(place), ids.item(place)), why.code) for place, why in chosen.passed_over.items()
    )
    share = _share_of(ranking, chosen.places) if events else 0.0
    return _Slip(ranking.step, tuple(events), expires_at, passed_over, share=share)


def _share_of(ranking: Ranking, places: list[int]) -> float:
    context, recommender = ranking.context, ranking.request.chain[ranking.step]
    if recommender.calibration(context.models) is None:
        return 0.0
    scores = context.memo[_SCORES_OF + recommender.name]  # a draft has other scores
    return shares_of(context.offer, scores, ranking.search.rules, places).item(-1)


def _recommended_event(ranking: Ranking, place: int, leg: Leg | None) -> RecommendedEvent:
    offer, needs_reasons = ranking.context.offer, ranking.request.needs_reasons
    event_id, home, away = offer.ids.item(place), offer.home_team.name(place), offer.away_team.name(place)
    reasons = ranking.recommender_of(place).reasons(ranking.context, place) if needs_reasons else ()
    return RecommendedEvent(
        **(_parts_of(leg) if leg else {"odd": offer.odds.item(place)}),
        country=offer.country[place],
        league=offer.league.name(place),
        home_team=home,
        away_team=away,
        sport=offer.sport[place],
        participants=(home, away) if away else offer.participants.get(event_id, ()),
        event_id=event_id,
        own_id=offer.texts.by_id.get(event_id, event_id),
        begin_timestamp=datetime.fromtimestamp(offer.begins.item(place), UTC),
        status=_OPEN,
        score=float(ranking.search.scores.item(place)),
        reasons=(*reasons, *leg.explain()) if leg is not None and needs_reasons else tuple(reasons),
        team=ranking.teams.get(place, "").upper() if ranking.teams else "",
    )


def _parts_of(leg: Leg) -> dict[str, Any]:
    market, line, outcome = leg.outcome
    priced_at = datetime.fromtimestamp(leg.priced_at, UTC)
    named = {"market": market, "line": line, "outcome": outcome, "producer": leg.producer}
    return {**named, "odd": leg.odd, "priced_at": priced_at, "outcome_score": leg.score}

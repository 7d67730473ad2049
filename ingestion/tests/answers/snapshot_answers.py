"""Recommendations of this process, each read in one snapshot of the database."""

import random
from collections.abc import Sequence
from math import inf

from django.utils import timezone

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.services import recommend
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import Options
from recommendations.serving.recommendation import RecommendedEvent
from recommendations.serving.request_filters import RequestFilters
from tenants.routing.connections import casino_atomic, execute

from .checker import MAX_LIVE_AGE_SECONDS, SILENCE_SECONDS, Checker, read_place
from .ledger import SECOND, Leg, Moment
from .scenario import LINES

_BATCHES = (1, 1, 1, 10, 100, 200)
_LATEST_EVENTS = 600
_BOUNDS = ((1.0, inf), (1.0, inf), (1.5, 4.0), (1.001, 2.0), (3.0, inf))


class SnapshotAnswers:
    """Recommends with any recommender, options and filters, for one user or several."""

    def __init__(self, checker: Checker, rng: random.Random, users: Sequence[int], casino_id: int) -> None:
        self._checker, self._rng, self._users, self._casino_id = checker, rng, users, casino_id
        self._excluded: list[int] = []

    def step(self) -> None:
        rng = self._rng
        users = rng.sample(self._users, min(rng.choice(_BATCHES), len(self._users)))
        request = self._request()
        with casino_atomic():
            execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            clock, offsets = read_place()
            answers = recommend(request, users)
        legs = [[leg_of(event) for event in answer.recommended_events] for answer in answers]
        self._excluded = [leg.event for slip in legs for leg in slip][:20]
        self._checker.check(legs, _moment(request, clock), offsets)
        self._checker.note_passed_over(each.reason for answer in answers for each in answer.passed_over)

    def _request(self) -> RecommendationRequest:
        rng = self._rng
        options = Options(
            event_limit=rng.randint(1, 5),
            live_events=rng.random() < 0.8,
            feed_silence_seconds=float(SILENCE_SECONDS),
            max_live_price_age_seconds=MAX_LIVE_AGE_SECONDS,
            max_per_market=rng.choice([None, None, 2]),
            min_odd=rng.choice([1.0, 1.0, 1.2]),
        )
        lowest, highest = rng.choice(_BOUNDS)
        markets = frozenset({rng.choice(LINES)[0]}) if rng.random() < 0.1 else frozenset()
        # leaves out shown events at times, so that others are recommended
        excluded = frozenset(self._excluded) if rng.random() < 0.7 else frozenset()
        filters = RequestFilters(excluded=excluded, min_odd=lowest, max_odd=highest, markets=markets)
        recommender = RECOMMENDERS[rng.choice(list(RECOMMENDERS))]
        return RecommendationRequest(self._casino_id, recommender, timezone.now(), options, filters)


def leg_of(event: RecommendedEvent) -> Leg:
    return Leg(
        event=event.event_id,
        odd=round(event.odd * 1_000),
        market=event.market,
        line=event.line,
        outcome=event.outcome,
        producer=event.producer,
        priced_at=0 if event.priced_at is None else round(event.priced_at.timestamp() * SECOND),
    )


def _moment(request: RecommendationRequest, clock: int) -> Moment:
    options, filters = request.options, request.filters
    return Moment(
        now=round(request.now.timestamp() * SECOND),
        clock=clock,
        lowest=max(1_001, round(max(options.min_odd, filters.min_odd) * 1_000)),
        highest=min(options.max_odd, filters.max_odd) * 1_000,
        markets=filters.markets,
        has_live=options.live_events,
    )

"""Several requests with the same users' contexts give the slips that each gives alone."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec.structs import replace

from recommendations import services
from recommendations.recommenders.base import Scores, ScoringContext
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.recommenders.soonest import Soonest
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.experiments.shared_contexts import SharedContexts
from recommendations.serving.load import find
from recommendations.serving.options import Options
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.routing.context import use_casino

USERS = range(1, 7)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, casino_b):
    with use_casino(casino_b.current):
        UserFactory.create(id=1)
    with use_casino(casino_a.current):
        for user_id in USERS:
            UserFactory.create(id=user_id, personalisation=user_id != 6)
        for user_id in (2, 3, 4):
            TalliedCouponFactory.create_batch(user_id, user_id=user_id, recommended_events=[selection()] * user_id)
        EventFactory.create_batch(12)
        yield


def test_each_recommender_gives_the_same_slips_with_shared_contexts():
    now = datetime.now(UTC)
    requests = [RecommendationRequest(1, each, now, needs_reasons=True) for each in RECOMMENDERS.values()]
    requests.append(RecommendationRequest(1, RECOMMENDERS["hybrid"], now, Options(event_limit=2), needs_reasons=True))
    found = find(list(USERS), now, requests[0].hour)
    shared = SharedContexts(requests)
    for request in requests:
        together, alone = (
            [
                replace(each, recommendation_id=UUID(int=0))
                for each in services.recommend(request, USERS, found, contexts)
            ]
            for contexts in (shared, None)
        )
        assert together == alone
        assert len(together) == len(USERS)


def test_a_recommender_scores_once_for_all_requests_of_a_user():
    scored = []

    class Counting(Soonest):
        name = "counting"

        def score(self, context: ScoringContext) -> Scores:
            scored.append(context.user_id)
            return super().score(context)

    now, recommender = datetime.now(UTC), Counting()
    requests = [RecommendationRequest(1, recommender, now, Options(event_limit=limit)) for limit in (1, 2)]
    found = find([1, 2], now, requests[0].hour)
    contexts = SharedContexts(requests)
    for request in requests:
        assert [each.count for each in services.recommend(request, [1, 2], found, contexts)] == [request.limit] * 2
    assert scored == [1, 2]

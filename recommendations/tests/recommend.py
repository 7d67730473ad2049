"""A recommendation for one user of the current casino, without HTTP."""

from datetime import datetime

from recommendations import services
from recommendations.errors import UserNotFound
from recommendations.recommenders.registry import get_recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import DEFAULTS, Options
from recommendations.serving.recommendation import Recommendation
from recommendations.serving.request_filters import NO_FILTERS, RequestFilters


def recommend(
    *,
    casino_id: int,
    recommender_type: str | None,
    user_id: int,
    now: datetime,
    options: Options = DEFAULTS,
    filters: RequestFilters = NO_FILTERS,
) -> Recommendation:
    """The recommendation. Raises UserNotFound, InvalidConfiguration."""
    recommender = get_recommender(recommender_type)
    request = RecommendationRequest(casino_id, recommender, now, options, filters, needs_reasons=True)
    for recommendation in services.recommend(request, [user_id]):
        return recommendation
    raise UserNotFound("User not found")

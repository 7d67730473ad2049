"""The contexts of users for whom several requests compute a slip: built once for all of these, as are the scores."""

from collections.abc import Sequence

from msgspec.structs import replace

from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext
from recommendations.serving.load import FoundUser, build_user_context


class SharedContexts:
    """Of requests that differ in recommender and options alone, with the same casino context: a user's context depends
    on neither, but for the parts of the profile that they need, and scores on the recommender alone."""

    def __init__(self, requests: Sequence[RecommendationRequest]) -> None:
        needs = frozenset().union(*(each.needs for each in requests))
        self._request = replace(requests[0], also_needs=needs)
        self._contexts: dict[int, UserContext] = {}

    def of(self, user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> UserContext:
        """As `build_user_context` builds it for one of the requests, perhaps with more parts."""
        context = self._contexts.get(user.user_id)
        if context is None:
            built = build_user_context(user, self._request, casino_context)
            context = self._contexts[user.user_id] = replace(built, memo={})
        return context

"""Builds the context of each user once for several requests that compute slips for the same users."""

from collections.abc import Sequence

from msgspec.structs import replace

from recommendations.serving.engine import CasinoContext, RecommendationRequest, UserContext
from recommendations.serving.load import FoundUser, build_user_context


class SharedContexts:
    """User contexts for requests that differ only in recommender and options, with the same casino context. A context
    does not depend on these, except for the needed parts of the profile; scores depend only on the recommender."""

    def __init__(self, requests: Sequence[RecommendationRequest]) -> None:
        needs = frozenset().union(*(each.needs for each in requests))
        self._request = replace(requests[0], also_needs=needs)
        self._contexts: dict[int, UserContext] = {}

    def of(self, user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> UserContext:
        """The user's context, with the parts that any of the requests needs."""
        context = self._contexts.get(user.user_id)
        if context is None:
            built = build_user_context(user, self._request, casino_context)
            context = self._contexts[user.user_id] = replace(built, memo={})
        return context

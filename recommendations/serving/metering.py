"""Records the prices in a casino's requests with the price meter."""

from collections.abc import Iterable

from recommendations.prices.meter import price_meter

from .engine import CasinoContext, RecommendationRequest
from .recommendation import Recommendation


def note_prices(
    request: RecommendationRequest, context: CasinoContext, recommendations: Iterable[Recommendation]
) -> None:
    """Record answered requests, if a query has read the feeds."""
    offer, prices = context.offer, context.prices
    if prices is None or prices.feeds is None or offer.offered_by is None:
        return
    passed_over = [each.reason for recommendation in recommendations for each in recommendation.passed_over]
    silence = request.options.feed_silence_seconds
    price_meter.note(request.casino_id, prices.feeds, silence, offer.offered_by, passed_over)

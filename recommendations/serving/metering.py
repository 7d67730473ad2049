"""Tells the meter what the requests of a casino with markets saw."""

from collections.abc import Iterable

from recommendations.prices.meter import price_meter

from .engine import CasinoContext, RecommendationRequest
from .recommendation import Recommendation


def note_prices(
    request: RecommendationRequest, context: CasinoContext, recommendations: Iterable[Recommendation]
) -> None:
    """Of answered requests; nothing where no query has told the feeds."""
    offer, prices = context.offer, context.prices
    if prices is None or prices.feeds is None or offer.offered_by is None:
        return
    passed_over = [each.reason for recommendation in recommendations for each in recommendation.passed_over]
    silence = request.options.feed_silence_seconds
    price_meter.note(request.casino_id, prices.feeds, silence, offer.offered_by, passed_over)

"""The signal that a recommendation was served, and the message that it carries."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec
from django.dispatch import Signal

from tenants.routing.context import get_current_casino

from .recommendation import Recommendation

# Sent with `casino_id` and `served` (ServedRecommendation), in the thread that answers the request: a receiver must not
# wait. What a receiver raises is logged, and the other receivers are still called.
recommendation_served = Signal()


class ServedEvent(msgspec.Struct, frozen=True):
    """A recommended event with its odd at that time; `score` is None where the recommender gave none."""

    event_id: int
    odd: Decimal | float
    score: float | None = None


class ServedRecommendation(msgspec.Struct, frozen=True, kw_only=True):
    """A recommendation as it was served, its events best first.

    `asked_for` is the recommender that the casino has configured, `recommender` the one that scored. `fallback` is the
    step of the fallback chain that scored instead, and `model_version` that of the fitted models; both may be empty.
    `took_ms`: milliseconds from request to response with the database and without HTTP; in a batch, each user's share.
    """

    recommendation_id: UUID
    user_id: int
    timestamp: datetime
    recommender: str
    asked_for: str
    fallback: str = ""
    model_version: str = ""
    stake: Decimal
    currency: str
    events: tuple[ServedEvent, ...]
    took_ms: float | None = None


def send_served(recommendation: Recommendation, *, asked_for: str, took_ms: float | None = None) -> None:
    """Send `recommendation_served` for the current casino. Raises NoCurrentCasino."""
    if not recommendation_served.has_listeners():
        return
    step = recommendation.fallback_step
    served = ServedRecommendation(
        recommendation_id=recommendation.recommendation_id,
        user_id=recommendation.user_id,
        timestamp=recommendation.timestamp,
        recommender=recommendation.recommender,
        asked_for=asked_for,
        fallback=str(step) if step else "",
        model_version=recommendation.model_version,
        stake=recommendation.stake,
        currency=recommendation.currency,
        events=tuple(ServedEvent(each.event_id, each.odd, each.score) for each in recommendation.recommended_events),
        took_ms=took_ms,
    )
    casino_id = get_current_casino().id
    recommendation_served.send_robust(ServedRecommendation, casino_id=casino_id, served=served)

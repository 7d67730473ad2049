"""Recommendations that were served, told to whoever wants to know: answering waits for nobody, and writes nothing."""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import msgspec

from tenants.routing.context import get_current_casino

from .recommendation import Recommendation

logger = logging.getLogger(__name__)


class ServedEvent(msgspec.Struct, frozen=True):
    """An event that was shown, with its odd as it was shown; `score` is None where nothing was scored."""

    event_id: int
    odd: Decimal | float
    score: float | None = None


class ServedRecommendation(msgspec.Struct, frozen=True, kw_only=True):
    """What a user was shown, best first, and which recommender made it.

    `asked_for` is the recommender that the casino has configured. `fallback` names the step of the fallback chain that
    served instead of it, and `model_version` the model that scored; both are empty where there was none. `took_ms`: the
    milliseconds from the question to the answer, database and all, without HTTP; of many users' answers, each one's
    share.
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


def as_served(recommendation: Recommendation, asked_for: str, took_ms: float | None = None) -> ServedRecommendation:
    step = recommendation.fallback_step
    return ServedRecommendation(
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


Listener = Callable[[int, ServedRecommendation], None]

_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Call `listener(casino_id, served)` for each recommendation from now on, in the thread that answers the request:
    it must neither wait nor raise."""
    if listener not in _listeners:
        _listeners.append(listener)


def announce(served: ServedRecommendation) -> None:
    """Tell the listeners what a user of the current casino was shown. Raises NoCurrentCasino."""
    if not _listeners:
        return
    casino_id = get_current_casino().id
    for listener in _listeners:
        try:
            listener(casino_id, served)
        except Exception:  # whatever is wrong with a listener, the recommendation is good
            logger.exception("Nobody could be told of the recommendation %s", served.recommendation_id)

"""The field `explanation` of a response, for `explain=1`."""

from typing import Any

from .recommendation import Recommendation

NOT_PERSONAL = (
    "The user does not allow personalisation: the events and the stake are those of a user without coupons, and only "
    "recommenders with the same ranking for all users are used."
)


def explanation_of(recommendation: Recommendation) -> dict[str, Any]:
    """The `explanation` of a response: its recommender, and each event's score and reasons."""
    explanation = {
        "recommender": recommendation.recommender,
        "fallback_step": recommendation.fallback_step,
        "model_version": recommendation.model_version,
        "confidence": recommendation.confidence,
        "refusal": recommendation.refusal,
        "events": [
            {"event_id": event.own_id, "score": event.score, "reasons": list(event.reasons)}
            | ({"outcome_score": event.outcome_score} if event.market else {})
            for event in recommendation.recommended_events
        ],
    }
    return explanation | _explain_consent(recommendation) | _explain_passed_over(recommendation)


def _explain_consent(recommendation: Recommendation) -> dict[str, Any]:
    return {} if recommendation.personalisation else {"personalisation": NOT_PERSONAL}


def _explain_passed_over(recommendation: Recommendation) -> dict[str, Any]:
    """The refusal of each event that ranked high enough but has no servable price; empty without such events."""
    passed_over = [{"event_id": each.own_id, "reason": each.reason} for each in recommendation.passed_over]
    return {"passed_over": passed_over} if passed_over else {}

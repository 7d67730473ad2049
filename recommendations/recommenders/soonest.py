"""`soonest`: events in the order of their begin."""

from recommendations.offer import MemoKey
from recommendations.offer.arrays import Floats

from .base import Recommender, Scores, ScoringContext, begins_in_order

_SCORES = MemoKey[tuple[Floats, float, Scores]]("soonest")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Soonest(Recommender):
    """Events in the order in which they begin. The score is the hours until then, negative. Those whose start time is
    to be confirmed are last."""

    name = "soonest"
    is_personal = False

    def score(self, context: ScoringContext) -> Scores:
        """Equal for all users; cached with the offer for the hour."""
        offer, hour = context.offer, context.hour
        begins, of_hour, scores = offer.memo.get(_SCORES) or (None, 0.0, None)
        if scores is None or begins is not offer.begins or of_hour != hour:  # offers of other time zones share the memo
            scores = (hour - begins_in_order(offer)) / _HOUR
            scores.flags.writeable = False
            offer.memo.keep(_SCORES, (offer.begins, hour, scores))
        return scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        if context.offer.start_time_tbd[place]:
            return ["Its start time is to be confirmed"]
        seconds = float(context.offer.begins[place]) - context.now
        if seconds <= 0:
            return ["It has begun"]
        return [f"It begins in {_in_words(seconds)}"]


def _in_words(seconds: float) -> str:
    unit, name = next(
        ((unit, name) for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")) if seconds >= unit),
        (1, "second"),
    )
    number = max(int(seconds // unit), 1)
    return f"{number} {name}{'s' if number > 1 else ''}"

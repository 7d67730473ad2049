"""`soonest`: events ordered by their begin."""

from weakref import ref

from recommendations.offer import MemoKey
from recommendations.offer.arrays import Floats

from .base import Recommender, Scores, ScoringContext, begins_in_order

_SCORES = MemoKey[tuple[ref[Floats], float, Scores]]("soonest")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Soonest(Recommender):
    """Events ordered by their begin. The score is minus the hours until the begin. Events whose start time is to be
    confirmed are last."""

    name = "soonest"
    is_personal = False

    def score(self, context: ScoringContext) -> Scores:
        """The same scores for all users; cached with the offer for the hour."""
        offer, hour = context.offer, context.hour
        cached = offer.memo.get(_SCORES)
        # offers of other time zones share the memo, but have their own begins
        if cached is not None and cached[0]() is offer.begins and cached[1] == hour:
            return cached[2]
        scores: Scores = (hour - begins_in_order(offer)) / _HOUR
        scores.flags.writeable = False
        return offer.memo.keep(_SCORES, (ref(offer.begins), hour, scores))[2]

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        if context.offer.start_time_tbd[place]:
            return ["Its start time is to be confirmed"]
        seconds = float(context.offer.begins[place]) - context.now
        if seconds <= 0:
            return ["It has begun"]
        return [f"It begins in {_duration_text(seconds)}"]


def _duration_text(seconds: float) -> str:
    unit, name = next(
        ((unit, name) for unit, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute")) if seconds >= unit),
        (1, "second"),
    )
    number = max(int(seconds // unit), 1)
    return f"{number} {name}{'s' if number > 1 else ''}"

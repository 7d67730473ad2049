"""`soonest`: events in the order of their begin."""

from .base import Recommender, Scores, ScoringContext, begins_in_order

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Soonest(Recommender):
    """Events in the order in which they begin. The score is the hours until then, negative. Those whose start time is
    to be confirmed are last."""

    name = "soonest"
    is_personal = False

    def score(self, context: ScoringContext) -> Scores:
        return (context.hour - begins_in_order(context.offer)) / _HOUR

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

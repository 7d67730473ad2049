"""`soonest`: events in the order of their begin."""

from .base import Recommender, Scores, ScoringContext

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


class Soonest(Recommender):
    """Events in the order in which they begin. The score is the hours until then, negative."""

    name = "soonest"

    def score(self, context: ScoringContext) -> Scores:
        return (context.hour - context.offer.begins) / _HOUR

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
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

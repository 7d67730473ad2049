"""An experiment's answers with a randomly drawn last event, and whether that event was bet on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from tenants.routing.connections import query

# A bet counts for the answer that it is attributed to.
_DRAWS = """
SELECT served.user_id, extract(epoch FROM served.timestamp)::float8, (last->>'event_id')::bigint,
    ARRAY(SELECT jsonb_array_elements_text(last->'candidates')::bigint), (last->>'propensity')::float8, EXISTS (
        SELECT FROM attributions WHERE attributions.user_id = served.user_id
        AND attributions.recommendation_id = served.recommendation_id AND (last->>'event_id')::bigint = ANY(matched)
    )
FROM served_recommendations AS served, LATERAL (SELECT events->-1 AS last) AS last_event
WHERE served.timestamp >= %(starts)s AND served.timestamp < %(until)s AND experiment = %(experiment)s AND shown
    AND (last->'candidates') @> (last->'event_id') AND (last->>'propensity')::float8 > 0
ORDER BY served.timestamp, served.recommendation_id
"""
_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class LoggedDraw:
    """An answer at `timestamp` (Unix seconds): the id of the `drawn` event, the ids of its `candidates`, best first,
    the probability of this draw, and whether the event was bet on."""

    user_id: int
    timestamp: float
    drawn: int
    candidates: tuple[int, ...]
    propensity: float
    is_bet_on: bool

    @property
    def key(self) -> tuple[int, int, int, tuple[int, ...]]:
        return self.user_id, int(self.timestamp) // _HOUR, self.drawn, self.candidates


def read_draws(experiment: str, starts: datetime, until: datetime) -> list[LoggedDraw]:
    """The draws of the current casino's experiment in chronological order. A user's equal answers within an hour have
    the same draw: they count once, as bet on if any of them was."""
    parameters = {"experiment": experiment, "starts": starts, "until": until}
    rows = query(_DRAWS, parameters)
    draws = (LoggedDraw(user, at, drawn, tuple(among), chance, bet) for user, at, drawn, among, chance, bet in rows)
    return _unique(draws)


def _unique(draws: Iterable[LoggedDraw]) -> list[LoggedDraw]:
    found: dict[tuple[int, int, int, tuple[int, ...]], LoggedDraw] = {}
    for each in draws:
        first = found.setdefault(each.key, each)
        if each.is_bet_on and not first.is_bet_on:
            found[each.key] = replace(first, is_bet_on=True)
    return list(found.values())

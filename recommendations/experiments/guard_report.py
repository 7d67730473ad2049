"""The state of an experiment's guards, by its stored looks."""

from collections.abc import Sequence
from datetime import datetime
from math import inf, isinf

import msgspec

from tenants.models import Experiment
from tenants.routing.connections import query

from .definition import Guard
from .guarding import LATENCY_LIMIT, LIMITS, WORDS_OF_LATENCY, enabled_guards
from .run import Run

HOLDS, BROKEN, UNKNOWN = "holds", "broken", "unknown"
STATES = (HOLDS, BROKEN, UNKNOWN)

_STATES = """
SELECT DISTINCT ON (variant, guard) variant, guard, estimate, high,
    min(looked_at) FILTER (WHERE is_broken) OVER (PARTITION BY variant, guard)
FROM experiment_looks WHERE experiment = %s AND guard <> ''
ORDER BY variant, guard, looked_at DESC
"""


class GuardReport(msgspec.Struct, frozen=True):
    """A guard of a variant: `holds`, `broken` since `broken_at`, or `unknown` for lack of data. `limit`, and the
    `estimate` of the latest look, are differences from the control: .05 is 5 %, or 5 points of the share of days with
    an empty answer or a refusal."""

    variant: str
    guard: str
    state: str
    limit: float
    sentence: str
    estimate: float | None = None
    broken_at: datetime | None = None


def guards_of(run: Run, experiment: Experiment) -> tuple[GuardReport, ...]:
    """The state of each guard of the current casino's experiment, by its stored looks."""
    enabled = enabled_guards(run.definition)
    stored = {row[:2]: row[2:] for row in query(_STATES, [experiment.name])} if enabled else {}
    return tuple(
        _state(name, guard, stored.get((name, guard.value)))
        for name in run.names[1:]
        for guard in Guard
        if guard in enabled
    )


def broken_guards(guards: Sequence[GuardReport]) -> dict[str, str]:
    """The sentence of each variant's first broken guard, by variant."""
    broken = [(each.broken_at, each) for each in guards if each.broken_at is not None]
    ordered = sorted(broken, key=lambda pair: pair[0], reverse=True)
    return {each.variant: each.sentence for _, each in ordered}


def _state(variant: str, guard: Guard, stored: tuple[float, float, datetime | None] | None) -> GuardReport:
    limit, words = (
        (LATENCY_LIMIT, WORDS_OF_LATENCY) if guard is Guard.LATENCY else (LIMITS[guard].limit, LIMITS[guard].words)
    )
    estimate, high, broken_at = stored or (0.0, inf, None)
    if broken_at is not None:
        return GuardReport(variant, guard.value, BROKEN, limit, words, estimate, broken_at)
    if isinf(high):
        return GuardReport(variant, guard.value, UNKNOWN, limit, words)
    return GuardReport(variant, guard.value, HOLDS, limit, words, estimate)

"""The outcomes of markets in a casino's stored coupons and served recommendations.

Past prices are not stored. An outcome's odd is that of the latest coupon or served recommendation with it, and the
outcome counts as open from the first of these on.
"""

from collections.abc import Iterable
from typing import Any

from .history import PastOutcome, PriceChange

MAX_SERVED = 100_000  # the latest ones
# Parameters: the times from and until, `MAX_SERVED`.
SERVED = """
SELECT extract(epoch FROM timestamp)::float8, events FROM served_recommendations
WHERE timestamp >= %s AND timestamp < %s AND events <> '[]' ORDER BY timestamp DESC, id DESC LIMIT %s
"""

ObservedOutcome = tuple[float, int, PastOutcome, float | None]  # timestamp, place, outcome, odd


def outcome_of(selection: dict[str, Any]) -> PastOutcome | None:
    """The outcome that a stored selection names; None without one."""
    market, line, outcome = (selection.get(name) or "" for name in PastOutcome._fields)
    are_texts = isinstance(market, str) and isinstance(line, str) and isinstance(outcome, str)
    return PastOutcome(market, line, outcome) if are_texts and market and outcome else None


def price_changes(observed: Iterable[ObservedOutcome]) -> list[PriceChange]:
    """The changes of the outcomes' odds, in chronological order."""
    latest: dict[tuple[int, PastOutcome], float] = {}
    changes = []
    for timestamp, place, outcome, odd in sorted(observed, key=lambda each: each[0]):
        if odd is not None and latest.get((place, outcome)) != odd:
            latest[place, outcome] = odd
            changes.append(PriceChange(timestamp, place, outcome, odd))
    return changes

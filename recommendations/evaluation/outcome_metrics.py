"""Metrics of the choice among an event's outcomes."""

from collections.abc import Sequence

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.replay.outcome_cases import CHOICES, OutcomeCase

from .bootstrap import bootstrap, interval
from .report import OutcomeMetrics, OutcomeReport, OutcomeSlice


def outcome_report(cases: Sequence[OutcomeCase], unknown: int) -> OutcomeReport | None:
    """The metrics of the choices of an outcome; None if no bet names an outcome."""
    if not cases and not unknown:
        return None
    slices = [("all bets", cases), ("first bets on an event", [each for each in cases if each.is_first])]
    return OutcomeReport([_slice(name, each) for name, each in slices], unknown)


def _slice(name: str, cases: Sequence[OutcomeCase]) -> OutcomeSlice:
    if not cases:
        return OutcomeSlice(name, 0, 0.0, [])
    ranks: Floats = np.array([case.ranks for case in cases])
    losses: Floats = np.array([case.losses for case in cases])
    hits: Floats = np.array([case.hits for case in cases])
    values = np.concatenate([hits, losses, 1.0 / np.log2(1.0 + ranks)], axis=1)
    means, draws = bootstrap(values, np.array([case.user_id for case in cases]))
    intervals = [interval(mean, drawn) for mean, drawn in zip(means, draws.T, strict=True)]
    by_choice = zip(CHOICES, *(intervals[len(CHOICES) * metric :][: len(CHOICES)] for metric in range(3)), strict=True)
    candidates = float(np.mean([case.candidates for case in cases]))
    return OutcomeSlice(name, len(cases), candidates, [OutcomeMetrics(*each) for each in by_choice])

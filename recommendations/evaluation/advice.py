"""Advice on the recommender that a casino should use, with its statistical significance."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.registry import RECOMMENDERS

from .bootstrap import bootstrap

MIN_CASES = 50
_SIGNIFICANT, _LIKELY = 0.95, 0.8


class Advice(msgspec.Struct, frozen=True):
    """The advised `recommender`, and the `probability` that it is better than the second best; "" and 0 without test
    cases."""

    recommender: str
    probability: float
    sentence: str


def advise(ranks: Floats, users: np.ndarray[Any, Any], names: Sequence[str], k: int) -> Advice:
    """Advice by NDCG@k of `ranks` (cases, recommenders). Baselines that a casino can't configure are not advised."""
    if not len(ranks):
        return Advice("", 0.0, "No test cases: use hybrid, whose default weights need no history.")
    columns = [place for place, name in enumerate(names) if name in RECOMMENDERS]
    if not columns:
        return Advice("", 0.0, "Only baselines were tested, which a casino can't configure.")
    values = np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)[:, columns]
    means, draws = bootstrap(values, users)
    order = np.argsort(-means, kind="stable")
    best = names[columns[order[0]]]
    if len(order) == 1:
        return Advice(best, 0.0, f"Only {best} was tested: its NDCG@{k} is {means[order[0]]:.3f}.")
    second = names[columns[order[1]]]
    difference = draws[:, order[0]] - draws[:, order[1]]
    probability = float((difference > 0).mean() + (difference == 0).mean() / 2)
    metrics = f"NDCG@{k} {means[order[0]]:.3f}, {second} {means[order[1]]:.3f}, {len(ranks)} cases"
    return Advice(best, probability, _sentence(best, second, probability, metrics, len(ranks)))


def _sentence(best: str, second: str, probability: float, metrics: str, cases: int) -> str:
    if cases < MIN_CASES:
        return f"Use {best} for now: too few cases for a significant result ({metrics})."
    if probability >= _SIGNIFICANT:
        return f"Use {best}: significantly better than the others ({metrics}; probability {probability:.0%})."
    if probability >= _LIKELY:
        return f"Use {best}: probably better than the others ({metrics}; probability {probability:.0%})."
    return f"Use {best} or {second}: no significant difference ({metrics}; probability {probability:.0%})."

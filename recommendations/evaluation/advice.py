"""Which recommender a casino should use, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.registry import RECOMMENDERS

from .bootstrap import bootstrap

MIN_CASES = 50
_SURE, _LIKELY = 0.95, 0.8


class Advice(msgspec.Struct, frozen=True):
    """`recommender` is the one to use; `probability` that it is better than the next best one; "" and 0 where nothing
    can be said."""

    recommender: str
    probability: float
    sentence: str


def advise(ranks: Floats, users: np.ndarray[Any, Any], names: Sequence[str], k: int) -> Advice:
    """By NDCG@k over `ranks` (cases, recommenders). Only recommenders that a casino can choose are advised."""
    if not len(ranks):
        return Advice("", 0.0, "There was no case to test: use hybrid, which is sensible where nothing is known.")
    columns = [place for place, name in enumerate(names) if name in RECOMMENDERS]
    if not columns:
        return Advice("", 0.0, "None of these recommenders can be chosen by a casino.")
    values = np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)[:, columns]
    means, draws = bootstrap(values, users)
    order = np.argsort(-means, kind="stable")
    best = names[columns[order[0]]]
    if len(order) == 1:
        return Advice(best, 0.0, f"Only {best} was tested: its NDCG@{k} is {means[order[0]]:.3f}.")
    second = names[columns[order[1]]]
    gap = draws[:, order[0]] - draws[:, order[1]]
    probability = float((gap > 0).mean() + (gap == 0).mean() / 2)
    figures = f"NDCG@{k} {means[order[0]]:.3f} against {means[order[1]]:.3f} of {second}, over {len(ranks)} cases"
    return Advice(best, probability, _sentence(best, second, probability, figures, len(ranks)))


def _sentence(best: str, second: str, probability: float, figures: str, cases: int) -> str:
    if cases < MIN_CASES:
        return f"Use {best} for now: {figures}, which are too few to be sure."
    if probability >= _SURE:
        return f"Use {best}: it is surely better than any other ({figures}; {probability:.0%} sure)."
    if probability >= _LIKELY:
        return f"Use {best}: it is likely the best ({figures}; {probability:.0%} sure)."
    return f"Use {best}, or {second}: they can't be told apart ({figures}; {probability:.0%} sure)."

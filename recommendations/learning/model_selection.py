"""Selecting the kind of model that predicts a casino's history best: default weights, fitted weights, or trees."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.hybrid import DEFAULT_MODEL, DEFAULT_WEIGHTS, REFINED, HybridModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE

from .cases import Cases
from .conditional_logit import fit_weights
from .lambdarank import fit_trees

HELD_OUT = 0.25  # share of the cases, the last ones, for comparing the kinds
MIN_CASES_FOR_LOGIT = 8
MIN_CASES_FOR_TREES = 200
MIN_CASES_TO_COMPARE = 30
_MIN_GAIN = 1.0  # of trees, in standard errors: they cost more to serve, and overfit more easily
_CUTOFF = 10
_COLUMNS = np.arange(len(ADDITIVE))
_PRIOR = np.array([DEFAULT_WEIGHTS.get(name, 0.0) for name in ADDITIVE])


@dataclass(frozen=True, slots=True)
class SelectedModel:
    """A model of `kind` (`default`, `logit`, `lambdarank`), and the mean NDCG@10 of each kind on the held-out cases."""

    model: HybridModel
    kind: str
    scores: dict[str, float]
    cases: int


def select_model(cases: Cases, kind: str | None = None) -> SelectedModel:
    """Fit a model of this kind to all cases; without a kind, of the one that scores best on the held-out cases when
    fitted to the earlier ones."""
    scores: dict[str, float] = {}
    if kind is None:
        kind, scores = _compare_kinds(cases)
    return SelectedModel(_fit(kind, cases), kind, scores, len(cases))


def _compare_kinds(cases: Cases) -> tuple[str, dict[str, float]]:
    border = round(len(cases) * (1 - HELD_OUT))
    before, after = cases.part(0, border), cases.part(border, len(cases))
    if len(before) < MIN_CASES_FOR_LOGIT or not len(after):
        return "default", {}
    kinds = ["default", "logit", *(["lambdarank"] if len(before) >= MIN_CASES_FOR_TREES else [])]
    found = {kind: ndcg(_fit(kind, before), after) for kind in kinds}
    best = max(("logit", "default"), key=lambda kind: float(found[kind].mean()))
    if "lambdarank" in found:
        gain = found["lambdarank"] - found[best]
        if gain.mean() > _MIN_GAIN * gain.std() / np.sqrt(len(gain)):
            best = "lambdarank"
    return best, {kind: float(each.mean()) for kind, each in found.items()}


def is_worse(kind: str, present: HybridModel, cases: Cases, *, fitted_until: float) -> bool:
    """Whether a model of this kind, fitted to the earlier cases, scores lower on the held-out ones than `present`.

    Only cases after `fitted_until` (Unix seconds), which neither model was fitted to, are compared; with fewer than
    `MIN_CASES_TO_COMPARE` the result is False.
    """
    border = round(len(cases) * (1 - HELD_OUT))
    is_fair = cases.timestamps[border:] > fitted_until
    if int(is_fair.sum()) < MIN_CASES_TO_COMPARE:
        return False
    after = cases.part(border, len(cases))
    difference = ndcg(_fit(kind, cases.part(0, border)), after)[is_fair] - ndcg(present, after)[is_fair]
    return bool(difference.mean() < 0)


def _fit(kind: str, cases: Cases) -> HybridModel:
    if kind == "default":
        return DEFAULT_MODEL
    weights = fit_weights(cases, _COLUMNS, _PRIOR)
    named = {name: float(weight) for name, weight in zip(ADDITIVE, weights, strict=True) if weight}
    return HybridModel(named, fit_trees(cases) if kind == "lambdarank" else None)


def ndcg(model: HybridModel, cases: Cases) -> Floats:
    """Each case's NDCG@10; ties count at their expected rank."""
    scores = cases.numbers @ model.vector
    if model.trees is not None:
        of_trees = model.trees.score(cases.numbers)
        scores = np.where(_is_refined(scores, cases), of_trees + 1e6, scores)
    chosen = scores[cases.starts][cases.owners]
    better = np.add.reduceat((scores > chosen).astype(np.int64), cases.starts)
    equal = np.add.reduceat((scores == chosen).astype(np.int64), cases.starts) - 1
    ranks = 1.0 + better + equal / 2.0
    return np.where(ranks <= _CUTOFF, 1.0 / np.log2(1.0 + ranks), 0.0)


def _is_refined(scores: Floats, cases: Cases) -> Any:
    """Mask of the rows that are among the best of their case by weights: trees reorder those."""
    order = np.lexsort((-scores, cases.owners))
    place_in_case = np.empty(len(scores), dtype=np.intp)
    place_in_case[order] = np.arange(len(scores)) - cases.starts[cases.owners[order]]
    return place_in_case < REFINED

"""Selects and fits the model that predicts a casino's history: weights, blended with trees if there is enough data,
unless the default weights or a single recommender predict the latest part better."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats
from recommendations.recommenders.hybrid import DEFAULT, DEFAULT_MODEL, REFINED, SHARED, SINGLE, HybridModel
from recommendations.recommenders.hybrid_features.decision_trees import Trees
from recommendations.recommenders.hybrid_features.features import ADDITIVE

from .cases import Cases
from .conditional_logit import choose_prior, fit_weights
from .lambdarank import fit_trees

HELD_OUT = 0.25  # share of the cases, the last ones, for comparing models
MIN_CASES = 30  # with fewer, nothing is fitted: a choice by so few cases would be chance
MIN_CASES_FOR_TREES = 200
MIN_CASES_TO_COMPARE = 30
_MIN_GAIN = 2.0  # of another model over the fitted one, in standard errors
_STRENGTH_OF_SHARES = 5.0
_LEAST_SHARE = 0.01
_CUTOFF = 10
_COLUMNS = np.arange(len(ADDITIVE))  # the first of NAMES


@dataclass(frozen=True, slots=True)
class SelectedModel:
    """A model of `kind`: `logit`, `blend`, or an unfitted kind. `scores` has the mean NDCG@10 of each kind on the
    held-out cases; `tested` is the model fitted to the earlier cases. `starts` are the candidates for initial weights
    by kind, `start` is the chosen kind, and `strength` that of its prior (`fit_weights`). `shares` are the shares of
    weights and trees in the score."""

    model: HybridModel
    kind: str
    scores: dict[str, float]
    cases: int
    tested: HybridModel = DEFAULT_MODEL
    strength: float = 0.0
    shares: tuple[float, float] = (1.0, 0.0)
    start: str = DEFAULT
    starts: Mapping[str, HybridModel] = field(default_factory=lambda: {DEFAULT: DEFAULT_MODEL})

    @property
    def unfitted(self) -> Mapping[str, HybridModel]:
        """The models that are not fitted to the casino, by kind."""
        return {**self.starts, **SINGLE}


def select_model(cases: Cases, shared: HybridModel | None = None) -> SelectedModel:
    """Choose the initial weights (default or `shared`), their strength, the kind, and the shares of weights and trees
    by the held-out cases; then fit to all cases. With fewer than `MIN_CASES`, the model has the shared weights if there
    are any, otherwise the default ones."""
    starts = {DEFAULT: DEFAULT_MODEL} | ({} if shared is None else {SHARED: shared})
    if len(cases) < MIN_CASES:
        kind = [*starts][-1]
        return SelectedModel(starts[kind], kind, {}, len(cases), start=kind, starts=starts)
    place, strength = choose_prior(cases, _COLUMNS, [_prior(each) for each in starts.values()])
    start = [*starts][place]
    before, after = _halves(cases)
    tested = _fit_weights(before, starts[start], strength)
    if len(before) >= MIN_CASES_FOR_TREES:
        tested = _blended(tested, fit_trees(before), after)
    kind, scores = _best_kind(tested, {**starts, **SINGLE}, after)
    start = kind if kind in starts else start
    selected = SelectedModel(tested, kind, scores, len(cases), tested, strength, tested.shares, start, starts)
    return fit_again(selected, cases)


def fit_again(selected: SelectedModel, cases: Cases) -> SelectedModel:
    """Fit a model to all `cases`, with the choices of `selected`."""
    if (unfitted := selected.unfitted.get(selected.kind)) is not None:
        return replace(selected, model=unfitted, cases=len(cases))
    model = _fit_weights(cases, selected.starts[selected.start], selected.strength)
    if selected.kind == "blend":
        model = HybridModel(model.weights, fit_trees(cases), selected.shares)
    return replace(selected, model=model, cases=len(cases))


def is_worse(selected: SelectedModel, present: HybridModel, cases: Cases, *, fitted_until: float) -> bool:
    """Whether the selected model, fitted to the earlier cases, scores lower on the held-out ones than `present`.

    Only cases after `fitted_until` (Unix seconds), which neither model was fitted to, are compared; with fewer than
    `MIN_CASES_TO_COMPARE` the result is False.
    """
    _, after = _halves(cases)
    is_fair = after.timestamps > fitted_until
    if int(is_fair.sum()) < MIN_CASES_TO_COMPARE:
        return False
    tested = selected.unfitted.get(selected.kind, selected.tested)
    difference = ndcg(tested, after)[is_fair] - ndcg(present, after)[is_fair]
    return bool(difference.mean() < 0)


def _halves(cases: Cases) -> tuple[Cases, Cases]:
    border = round(len(cases) * (1 - HELD_OUT))
    return cases.part(0, border), cases.part(border, len(cases))


def _prior(start: HybridModel) -> Floats:
    return start.vector[_COLUMNS]


def _fit_weights(cases: Cases, start: HybridModel, strength: float) -> HybridModel:
    weights = fit_weights(cases, _COLUMNS, _prior(start), strength)
    return HybridModel({name: float(weight) for name, weight in zip(ADDITIVE, weights, strict=True) if weight})


def _blended(model: HybridModel, trees: Trees, cases: Cases) -> HybridModel:
    """The model with the shares of weights and trees that predict these cases best; no trees if their share is 0."""
    parts = np.stack([cases.numbers @ model.vector, trees.score(cases.numbers)], axis=1)
    shares = fit_weights(replace(cases, numbers=parts), np.arange(2), np.array([1.0, 0.0]), _STRENGTH_OF_SHARES)
    weights_share, trees_share = max(float(shares[0]), _LEAST_SHARE), float(shares[1])
    return HybridModel(model.weights, trees, (weights_share, trees_share)) if trees_share > 0 else model


def _best_kind(tested: HybridModel, unfitted: Mapping[str, HybridModel], after: Cases) -> tuple[str, dict[str, float]]:
    """The kind of `tested`, unless an unfitted kind scores higher by `_MIN_GAIN` standard errors; and each kind's
    score."""
    kind = "logit" if tested.trees is None else "blend"
    found = {kind: ndcg(tested, after), **{name: ndcg(model, after) for name, model in unfitted.items()}}
    scores = {name: float(each.mean()) for name, each in found.items()}
    best = max(unfitted, key=scores.__getitem__)
    gain = found[best] - found[kind]
    is_better = len(gain) >= MIN_CASES_TO_COMPARE and gain.mean() > _MIN_GAIN * gain.std() / np.sqrt(len(gain))
    return best if is_better else kind, scores


def ndcg(model: HybridModel, cases: Cases) -> Floats:
    """Each case's NDCG@10; ties count at their expected rank."""
    scores = cases.numbers @ model.vector
    if model.trees is not None:
        blended = model.blend(scores, model.trees.score(cases.numbers))
        scores = np.where(_is_refined(scores, cases), blended + 1e6, scores)
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

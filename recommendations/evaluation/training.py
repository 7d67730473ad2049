"""Fitting models to the current casino's coupons, and activating them unless the active version scores higher."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from recommendations.evaluation.explain import explain, shares_of
from recommendations.fitted_models.store import Fitting, present_model, store_models
from recommendations.learning.cases import Cases
from recommendations.learning.model_selection import DEFAULT, MIN_CASES, SHARED, SelectedModel, is_worse
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.hybrid import HybridModel
from recommendations.replay.casino_history import casino_history
from recommendations.replay.learner import Learner
from recommendations.replay.replay import replay_to_fit
from recommendations.serving.options import DEFAULTS, Options
from recommendations.tallies.user_tallies_sql import PAGE_OF_TALLIES, merge_tallies
from tenants.routing.connections import casino_connection

from .shared_weights import SharedWeights

_PAGE_SIZE = 1_000
MIN_PRIOR_COUPONS = 1  # the opening time of an event without bets is often unknown


@dataclass(frozen=True, slots=True)
class FitResult:
    """The stored `version`, whether it is active, a sentence on the weights that the hybrid started from, and an
    explanation of those that it has."""

    version: int
    is_active: bool
    start: str
    explanation: str


def fit_models(
    now: datetime, casino_id: int = 0, options: Options = DEFAULTS, shared: SharedWeights | None = None
) -> FitResult | None:
    """Fit `neighbours`, the user vectors and `hybrid`, and store them as a new version: active unless the active
    `hybrid` scores higher on the held-out cases. With too few cases for `hybrid`, the new version keeps the active
    `hybrid` and what it was fitted with. None if there is too little data for any model; then nothing is stored.
    `options`: the casino's, of the slips that confidence is calibrated to. `shared`: what other casinos share; with too
    few cases these weights are stored, unless a `hybrid` is active."""
    rows, coupons = [], 0
    for tokens, count in _users(now):
        rows.append(tokens)
        coupons += count
    model = neighbours.fit(rows)
    history = casino_history(casino_id=casino_id, until=now)
    learner = replay_to_fit(
        history,
        min_prior_coupons=MIN_PRIOR_COUPONS,
        options=options,
        shared=None if shared is None else HybridModel(shared.weights),
    )
    fitted = [("neighbours", model.encode())] if model is not None else []
    selected = learner.selected
    is_start = selected is not None and selected.kind == SHARED and present_model() is None
    if selected is not None and selected.cases < MIN_CASES and not is_start:
        selected = None
    if selected is not None:
        fitted += [(name, each.encode()) for name, each in _models(learner, selected)]
    if not fitted:
        return None
    cases = learner.recent_cases.cases()
    times = [datetime.fromtimestamp(each.timestamp, UTC) for each in (*history.coupons[:1], *history.coupons[-1:])]
    scores = {"kind": selected.kind, "start": selected.start, **selected.scores} if selected is not None else {}
    fitting = Fitting(coupons, times[0] if times else None, times[-1] if times else None, scores)
    is_active = selected is None or not _is_worse(selected, cases)
    explanation = explain(shares_of(selected.model.weights, cases)) if selected is not None else ""
    version = store_models(fitted, fitting, is_served=is_active)
    return FitResult(version, is_active, _start(selected, shared), explanation)


def _start(selected: SelectedModel | None, shared: SharedWeights | None) -> str:
    if selected is None:
        return ""
    if shared is None or selected.start == DEFAULT:
        return "Starts from the default weights"
    return f"Starts from the mean of the weights that {shared.casinos} casinos share"


def _models(learner: Learner, selected: SelectedModel) -> Iterator[tuple[str, Any]]:
    if learner.user_vectors is not None:
        yield "tastes", learner.user_vectors
    yield "hybrid", selected.model
    if learner.calibration is not None:
        yield "calibration", learner.calibration


def _is_worse(selected: SelectedModel, cases: Cases) -> bool:
    """Whether the active model scores higher."""
    present = present_model()
    if present is None:
        return False
    model, until = present
    return is_worse(selected, model, cases, fitted_until=until.timestamp() if until is not None else 0.0)


def _users(now: datetime) -> Iterator[tuple[Mapping[str, float], int]]:
    """(tokens, number of coupons) of each user with tokens."""
    for count, packed, unmerged in _profiles():
        weights = merge_tallies(packed, unmerged).weights_at(now.timestamp())
        if tokens := neighbours.tokens_of(BettingProfile(weights=weights)):
            yield tokens, count


def _profiles() -> Iterator[tuple[Any, ...]]:
    last = 0
    while True:
        with casino_connection().cursor() as cursor:
            cursor.execute(PAGE_OF_TALLIES, [last, _PAGE_SIZE])
            rows = cursor.fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield from (row[1:] for row in rows)

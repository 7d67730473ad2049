"""Fitting models to the current casino's coupons, and activating them unless the active version scores higher."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from recommendations.evaluation.explain import explain, shares_of
from recommendations.fitted_models.served_hybrid import start_of
from recommendations.fitted_models.store import EMPTY_VERSION, Fitting, is_mean_served, present_model, store_models
from recommendations.learning.cases import Cases
from recommendations.learning.model_selection import MIN_CASES, SelectedModel, is_worse
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import BettingProfile
from recommendations.recommenders.hybrid import SHARED, HybridModel
from recommendations.replay.casino_history import casino_history
from recommendations.replay.history import PastCoupon
from recommendations.replay.learner import Learner
from recommendations.replay.replay import replay_to_fit
from recommendations.serving.options import DEFAULTS, Options
from recommendations.tallies.user_tallies_sql import PAGE_OF_TALLIES, merge_tallies
from tenants.routing.connections import casino_connection

from .shared_weights import SharedWeights

_DEFAULT_AGAIN = "Has the default weights again: the casino does not share its own, or too few other casinos do"
_PAGE_SIZE = 1_000
MIN_PRIOR_COUPONS = 1  # the opening time of an event without bets is often unknown


@dataclass(frozen=True, slots=True)
class FitResult:
    """The stored `version`, whether it is active, a sentence on the hybrid's initial weights (`start`), and an
    explanation of its fitted ones."""

    version: int
    is_active: bool
    start: str
    explanation: str


def fit_models(
    now: datetime, casino_id: int = 0, options: Options = DEFAULTS, shared: SharedWeights | None = None
) -> FitResult | None:
    """Fit `neighbours`, the user vectors and `hybrid`, and store them as a new version: active unless the active
    `hybrid` scores higher on the held-out cases. With too few cases for `hybrid`, the new version keeps the active
    `hybrid` and the models that belong to it. Returns None, and stores nothing, if there is too little data for any
    model. Confidence is calibrated to slips with the casino's `options`. `shared` is the mean of other casinos'
    weights: with too few cases it is stored, unless a `hybrid` of the casino's own is active. Without it, the new
    version has the default weights in place of an active mean."""
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
    if selected is not None and selected.cases < MIN_CASES and not _is_start(selected):
        selected = None
    if selected is not None:
        fitted += [(name, each.encode()) for name, each in _models(learner, selected)]
    is_mean_over = selected is None and is_mean_served()
    if not fitted and not is_mean_over:
        return None
    cases = learner.recent_cases.cases()
    is_active = selected is None or not _is_worse(selected, cases)
    explanation = explain(shares_of(selected.model.weights, cases)) if selected is not None else ""
    casinos = shared.casinos if shared is not None else None
    fitting = _fitting(coupons, history.coupons, selected)
    version = store_models(fitted or [(EMPTY_VERSION, b"")], fitting, is_served=is_active)
    start = start_of(selected.kind, selected.start, casinos) if selected is not None else ""
    return FitResult(version, is_active, _DEFAULT_AGAIN if is_mean_over else start, explanation)


def _is_start(selected: SelectedModel) -> bool:
    """Whether the model is the mean of other casinos' weights, and the casino has no `hybrid` of its own."""
    return selected.kind == SHARED and present_model() is None


def _fitting(number: int, coupons: Sequence[PastCoupon], selected: SelectedModel | None) -> Fitting:
    times = [datetime.fromtimestamp(each.timestamp, UTC) for each in (*coupons[:1], *coupons[-1:])]
    fitting = Fitting(number, times[0] if times else None, times[-1] if times else None)
    if selected is None:
        return fitting
    users = len({each.user_id for each in coupons})
    chosen = {"kind": selected.kind, "start": selected.start, "cases": selected.cases, "users": users}
    return replace(fitting, scores={**selected.scores, **chosen})


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
    """Yield (tokens, number of coupons) for each user with tokens."""
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

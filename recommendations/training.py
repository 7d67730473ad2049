"""Fitting models to what the current casino's users bet on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from recommendations.evaluation.explain import in_words, shares_of
from recommendations.fitted_models.store import Fitting, present_model, store_models
from recommendations.recommenders.base import Profile
from recommendations.replay.casino_history import casino_history
from recommendations.replay.learner import Learner
from recommendations.replay.replay import replay_to_fit
from recommendations.tallies.user_tallies_sql import MERGED_TALLIES, UNMERGED_COUPONS, merge_tallies
from tenants.routing.connections import casino_connection

from .learning.cases import Cases
from .learning.model_selection import MIN_CASES_FOR_LOGIT, SelectedModel, is_worse
from .recommenders import neighbours

_USERS_AT_ONCE = 1_000
MIN_PRIOR_COUPONS = 1  # of an event that nobody has bet on it is often not known when it opened

_READ = (
    f"SELECT profile.user_id, profile.coupon_count, {MERGED_TALLIES}, {UNMERGED_COUPONS} FROM users_profile AS profile "  # noqa: S608
    "WHERE profile.user_id > %s ORDER BY profile.user_id LIMIT %s"
)


@dataclass(frozen=True, slots=True)
class FitResult:
    """The `version` that was kept, whether it serves, and what was learnt, in words."""

    version: int
    is_served: bool
    words: str


def fit_models(now: datetime, casino_id: int = 0) -> FitResult | None:
    """Fit the models: `neighbours`, user vectors, and the weights of `hybrid`. Serves from now on, unless the `hybrid`
    that serves already does better on the last cases. Where only `hybrid` has too little to learn from, the one that
    serves stays, and its user vectors; None where everything has, which changes nothing."""
    rows, coupons = [], 0
    for tokens, count in _users(now):
        rows.append(tokens)
        coupons += count
    model = neighbours.fit(rows)
    history = casino_history(casino_id=casino_id, until=now)
    learner = replay_to_fit(history, min_prior_coupons=MIN_PRIOR_COUPONS)
    fitted = [("neighbours", model.encode())] if model is not None else []
    learnt = learner.learnt if learner.learnt is not None and learner.learnt.cases >= MIN_CASES_FOR_LOGIT else None
    if learnt is not None:
        fitted += [(name, each.encode()) for name, each in _models(learner, learnt)]
    if not fitted:
        return None
    cases = learner.book.cases()
    times = [datetime.fromtimestamp(each.timestamp, UTC) for each in (*history.coupons[:1], *history.coupons[-1:])]
    scores = {"kind": learnt.kind, **learnt.scores} if learnt is not None else {}
    fitting = Fitting(coupons, times[0] if times else None, times[-1] if times else None, scores)
    is_served = learnt is None or not _is_worse(learnt, cases)
    words = in_words(shares_of(learnt.model.weights, cases)) if learnt is not None else ""
    return FitResult(store_models(fitted, fitting, is_served=is_served), is_served, words)


def _models(learner: Learner, learnt: SelectedModel) -> Iterator[tuple[str, Any]]:
    if learner.user_vectors is not None:
        yield "tastes", learner.user_vectors
    yield "hybrid", learnt.model


def _is_worse(learnt: SelectedModel, cases: Cases) -> bool:
    """Whether the model that serves does better."""
    present = present_model()
    if present is None:
        return False
    model, until = present
    return is_worse(learnt.kind, model, cases, fitted_until=until.timestamp() if until is not None else 0.0)


def _users(now: datetime) -> Iterator[tuple[Mapping[str, float], int]]:
    """(tokens, number of coupons) of each user who has any."""
    for count, packed, pending in _profiles():
        weights = merge_tallies(packed, pending).weights_at(now.timestamp())
        if tokens := neighbours.tokens_of(Profile(weights=weights)):
            yield tokens, count


def _profiles() -> Iterator[tuple[Any, ...]]:
    last = 0
    while True:
        with casino_connection().cursor() as cursor:
            cursor.execute(_READ, [last, _USERS_AT_ONCE])
            rows = cursor.fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield from (row[1:] for row in rows)

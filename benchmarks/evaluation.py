"""Ranking quality of the recommenders on a history in CSV files, compared with the library implicit (ALS and BM25 on
event ids) and with parts of `hybrid`. Prints means and 95 % confidence intervals.

    python -m benchmarks.evaluation EVENTS.csv COUPONS.csv [MIN_PRIOR_COUPONS]
"""

import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import BM25Recommender
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from recommendations.evaluation.baselines import BASELINES
from recommendations.evaluation.evaluate import evaluate
from recommendations.evaluation.html import interval_text
from recommendations.recommenders.base import Recommender, Scores, ScoringContext
from recommendations.recommenders.hybrid import DEFAULT_MODEL, Hybrid, HybridModel
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay import learner
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import History
from recommendations.replay.replay import DAY

REFIT = 7 * DAY


class LibraryRecommender(Recommender):
    """A library's model of (user, event id), refitted every week on all earlier bets."""

    def __init__(self, name: str, history: History, make: Callable[[], Any]) -> None:
        self.name = name
        self._history, self._make = history, make
        self._places = {int(event_id): place for place, event_id in enumerate(history.events.ids)}
        self._users: dict[int, int] = {}
        self._fitted_at = -np.inf

    def score(self, context: ScoringContext) -> Scores:
        if context.now >= self._fitted_at + REFIT:
            self._fit(context.now)
        scores = np.zeros(len(context.offer))
        if (user := self._users.get(context.user_id)) is not None:
            places = [self._places[event_id] for event_id in context.offer.ids.tolist()]
            ids, found = self._model.recommend(
                user,
                self._matrix[user],
                N=len(places),
                items=np.array(sorted(places)),
                filter_already_liked_items=False,
            )
            of_place = dict(zip(ids.tolist(), found.tolist(), strict=True))
            scores = np.array([of_place.get(place, 0.0) for place in places], dtype=np.float64)
        return np.nan_to_num(scores)

    def _fit(self, now: float) -> None:
        bets = [(c.user_id, place) for c in self._history.coupons if c.timestamp < now for place in c.places]
        self._users = {user: row for row, user in enumerate(dict.fromkeys(user for user, _ in bets))}
        rows, columns = [self._users[user] for user, _ in bets], [place for _, place in bets]
        shape = (len(self._users), len(self._history.events))
        self._matrix = csr_matrix((np.ones(len(bets), dtype=np.float32), (rows, columns)), shape=shape)
        self._model = self._make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._model.fit(self._matrix, show_progress=False)
        self._fitted_at = now


class PartialHybrid(Hybrid):
    """`hybrid` with only a part of its model."""

    def __init__(self, name: str, part: Callable[[HybridModel], HybridModel]) -> None:
        self.name = name
        self._part = part

    def score(self, context: ScoringContext) -> Scores:
        models = context.models.including(self._part(context.models.get(HybridModel) or DEFAULT_MODEL))
        names = ("offer", "profile", "now", "hour", "seed", "trends", "user_id")
        return super().score(ScoringContext(**{name: getattr(context, name) for name in names}, models=models))


def main(events: str, coupons: str, min_prior_coupons: str = "0") -> None:
    history, console = read_history(Path(events), Path(coupons)), Console(width=140)
    recommenders = [
        *(RECOMMENDERS | BASELINES).values(),
        LibraryRecommender("implicit_als", history, lambda: AlternatingLeastSquares(64, num_threads=1, random_state=1)),
        LibraryRecommender("implicit_bm25", history, lambda: BM25Recommender(100, num_threads=1)),
        PartialHybrid("hybrid_default", lambda _: DEFAULT_MODEL),
        PartialHybrid("hybrid_weights", lambda model: HybridModel(model.weights)),
    ]
    table = Table("recommender", "NDCG@10", "HR@10", "MRR", title=f"{events}: means and 95 % confidence intervals")
    started = time.perf_counter()
    settings: dict[str, Any] = {"ks": [10], "refit": REFIT, "min_prior_coupons": int(min_prior_coupons)}
    report = evaluate(history, recommenders=recommenders, **settings)
    seconds = time.perf_counter() - started
    with patch.object(learner, "fit_user_vectors", return_value=None):
        hybrid = [RECOMMENDERS["hybrid"]]
        without = evaluate(history, recommenders=hybrid, **settings)
    for each in report.slices[0].results:
        table.add_row(each.recommender, *(interval_text(metric) for metric in each.metrics.values()))
    [own] = [each for each in without.slices[0].results if each.recommender == "hybrid"]
    table.add_row("hybrid, without user vectors", *(interval_text(metric) for metric in own.metrics.values()))
    console.print(table)
    learnt = f"{report.learning.explanation} {report.learning.kind}." if report.learning is not None else ""
    console.print(f"{report.cases} cases; {seconds:.0f} s. {learnt}")
    console.print(report.advice.sentence)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Prints `DEFAULT_WEIGHTS` of `hybrid`: a logit fitted to the cases of several histories together, of simulated casinos
and of the history that comes with the project. Also prints each history's NDCG@10 by these weights before any fit to
it, as `evaluate --fit-first 0 --min-prior-coupons 1` of a project with these weights.

    python -m benchmarks.quality.start_weights [--without NAME] [--history FOLDER ..]

All of these may be published. `--without` leaves a history out of the fit; `--history` tests others: folders with
events.csv, coupons.csv and, if there are prices, odds.csv.
"""

import os
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from pathlib import Path

from msgspec.structs import replace

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import numpy as np

from recommendations.evaluation.bootstrap import Interval
from recommendations.evaluation.evaluate import evaluate
from recommendations.learning.cases import Case, Cases
from recommendations.learning.conditional_logit import fit_weights
from recommendations.recommenders.base import Scores, ScoringContext
from recommendations.recommenders.hybrid import Hybrid, HybridModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.recommenders.profile import IMPORTANCE
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import History
from recommendations.replay.replay import cases_without_models
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate
from recommendations.tallies.packed_tallies import TALLIED

# Log-odds of a bet, set by judgement.
PLAIN: Mapping[str, float] = {
    **{f"lift of {name}": 0.4 * IMPORTANCE[name] for name in TALLIED},
    "neighbours": 0.5,
    "trend": 0.6,
    "trend of league": 0.3,
    "nearness": 0.5,
    "favourite sport": 0.3,
    "own country": 0.1,
}
CASES = 500  # cases of each history
STRENGTH = 2_000.0  # weight of the plain weights, in cases: effects that only some casinos share count little
LEAST = 0.03  # smaller weights are left out: noise, which would order similar events
SHARE = 0.7  # share of the fitted weights; the rest are the plain ones
SEED, COUPONS, DAYS = 11, 2_000, 45  # kinds of simulated casinos
PUBLIC = Path(__file__).parent / "replication_markets"


def main() -> None:
    names = [*USER_KINDS, PUBLIC.name]
    parser = ArgumentParser(prog="python -m benchmarks.quality.start_weights")
    parser.add_argument("--without", choices=names)
    parser.add_argument("--history", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    all_names = [*names, *(folder.name for folder in options.history)]
    if doubled := [name for name in {*all_names} if all_names.count(name) > 1]:
        parser.error(f"several histories have the name {doubled[0]}: rename the folder")
    histories = {name: _history(name) for name in names}
    pooled = [each for name, each in histories.items() if name != options.without]
    weights = start_weights(cases_without_models(each, min_prior_coupons=1) for each in pooled)
    for name, history in (histories | {folder.name: _read(folder) for folder in options.history}).items():
        cases, found = unlearnt(history, {"plain weights": PLAIN, "start weights": weights})
        means = ", ".join(f"by {by} {each.mean:.3f} [{each.low:.3f}, {each.high:.3f}]" for by, each in found.items())
        print(f"{name}: {cases} cases, NDCG@10 {means}", flush=True)
    for feature, weight in weights.items():
        print(f'    "{feature}": {weight},')


def _history(name: str) -> History:
    if name not in USER_KINDS:
        return _read(PUBLIC)
    return simulate(SimulatedCasino(seed=SEED, coupons=COUPONS, days=DAYS, preferences=USER_KINDS[name]))


def _read(folder: Path) -> History:
    odds = folder / "odds.csv"
    return read_history(folder / "events.csv", folder / "coupons.csv", odds if odds.exists() else None)


def start_weights(histories: Iterable[Cases]) -> dict[str, float]:
    """The weights of the additive features, rounded. The cases are those of casinos without fitted models."""
    plain = np.array([PLAIN.get(name, 0.0) for name in ADDITIVE])
    fitted = fit_weights(pool(histories), np.arange(len(ADDITIVE)), plain, STRENGTH)
    weights = zip(ADDITIVE, (plain + SHARE * (fitted - plain)).round(3).tolist(), strict=True)
    return {name: weight for name, weight in weights if abs(weight) >= LEAST}


def unlearnt(history: History, weights: Mapping[str, Mapping[str, float]]) -> tuple[int, dict[str, Interval]]:
    """The number of tested cases, and NDCG@10 by each of the named weights in a casino that never fits a model."""
    tested = [_Weighted(name, HybridModel(each)) for name, each in weights.items()]
    report = evaluate(history, recommenders=tested, ks=[10], baseline=tested[0].name, min_prior_coupons=1, fit_first=0)
    means = {each.recommender: each.metrics["ndcg@10"] for part in report.slices[:1] for each in part.results}
    return report.cases, means


class _Weighted(Hybrid):
    """`hybrid` with the given model."""

    def __init__(self, name: str, model: HybridModel) -> None:
        self.name, self._model = name, model

    def score(self, context: ScoringContext) -> Scores:
        return super().score(replace(context, models=context.models.including(self._model)))


def pool(histories: Iterable[Cases]) -> Cases:
    """Up to `CASES` of each history, at equal distances, as the cases of one history."""
    chosen = [
        Case(float(cases.timestamps[place]), cases.part(place, place + 1).numbers)
        for cases in histories
        if len(cases)
        for place in np.unique(np.linspace(0, len(cases) - 1, CASES).round().astype(int)).tolist()
    ]
    return Cases.of(chosen, len(NAMES))


if __name__ == "__main__":
    main()

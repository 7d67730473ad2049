"""Prints `DEFAULT_WEIGHTS` of `hybrid`: a logit fitted to the cases of several histories together, of simulated casinos
and of the history that comes with the project, and NDCG@10 by these weights on each history.

    python -m benchmarks.quality.start_weights [--without NAME] [--history FOLDER ..]

All of these may be published. `--without` leaves a history out of the fit and tests it alone; `--history` tests others:
folders with events.csv, coupons.csv and, if there are prices, odds.csv.
"""

import os
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import numpy as np

from recommendations.learning.cases import Case, Cases
from recommendations.learning.conditional_logit import fit_weights
from recommendations.learning.model_selection import ndcg
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.recommenders.profile import IMPORTANCE
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import History
from recommendations.replay.replay import cases_without_models
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate
from recommendations.tallies.user_tallies import TALLIED

# In log-odds of being bet on, by judgement.
PLAIN: Mapping[str, float] = {
    **{f"lift of {name}": 0.4 * IMPORTANCE[name] for name in TALLIED},
    "neighbours": 0.5,
    "trend": 0.6,
    "trend of league": 0.3,
    "nearness": 0.5,
    "favourite sport": 0.3,
    "own country": 0.1,
}
CASES = 500  # of each history
STRENGTH = 2_000.0  # of the plain weights, in cases: what only some casinos have in common counts little
LEAST = 0.03  # smaller weights are left out: chance, which would order events that are alike
SHARE = 0.7  # of the fitted weights; the rest are the plain ones
SEED, COUPONS, DAYS = 11, 2_000, 45  # of the simulated casinos
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
    cases = {name: cases_without_models(_history(name), min_prior_coupons=1) for name in names}
    tested = {folder.name: cases_without_models(_read(folder), min_prior_coupons=1) for folder in options.history}
    weights = start_weights(each for name, each in cases.items() if name != options.without)
    for name, own in (cases | tested).items():
        plain, started = (ndcg(HybridModel(each), own).mean() for each in (PLAIN, weights))
        print(f"{name}: {len(own)} cases, NDCG@10 by plain weights {plain:.3f}, by start weights {started:.3f}")
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


def pool(histories: Iterable[Cases]) -> Cases:
    """Up to `CASES` of each history, at equal distances, as those of one."""
    chosen = [
        Case(float(cases.timestamps[place]), cases.part(place, place + 1).numbers)
        for cases in histories
        if len(cases)
        for place in np.unique(np.linspace(0, len(cases) - 1, CASES).round().astype(int)).tolist()
    ]
    return Cases.of(chosen, len(NAMES))


if __name__ == "__main__":
    main()

"""What a casino's users go by, in words: which features the learnt weights go by most."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recommendations.learning.cases import Cases
from recommendations.learning.model_selection import SelectedModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE

from .report import ModelSummary

_GROUPS = {
    "their own teams": ("lift of home_team", "lift of away_team", "share of home_team", "share of away_team"),
    "their own leagues": ("lift of league", "share of league"),
    "their own sports and countries": (
        "lift of sport", "share of sport", "lift of country", "share of country", "favourite sport", "own country",
    ),
    "the odds they are used to": ("lift of odds_band", "share of odds_band"),
    "what is high or low in odds": ("odd",),
    "what everybody bets on": (
        "trend of sport", "trend of league", "trend of country", "trend of home_team", "trend of away_team",
        "trend of odds_band", "selections", "trend", "freshness",
    ),
    "what begins soon": ("nearness",),
    "what their like bet on": ("neighbours", "likeness", "mean likeness"),
}  # fmt: skip
_SAID = 3
_LEAST_SHARE = 0.1


def learning_of(learnt: SelectedModel, cases: Cases) -> ModelSummary:
    weights = dict(learnt.model.weights)
    return ModelSummary(learnt.kind, learnt.cases, learnt.scores, weights, in_words(shares_of(weights, cases)))


def shares_of(weights: Mapping[str, float], cases: Cases) -> dict[str, float]:
    """How much each group of features decides: the standard deviation, within cases, of what it adds to the score, as a
    share of the sum over all groups."""
    if not len(cases):
        return {}
    spreads = {
        name: _spread_within(sum(weights.get(each, 0.0) * _column(cases, each) for each in group), cases)
        for name, group in _GROUPS.items()
    }
    total = sum(spreads.values())
    return {name: spread / total for name, spread in spreads.items()} if total else {}


def _column(cases: Cases, feature: str) -> Any:
    return cases.numbers[:, ADDITIVE.index(feature)].astype(np.float64)


def _spread_within(added: Any, cases: Cases) -> float:
    means = np.add.reduceat(added, cases.starts) / cases.sizes
    return float(np.sqrt(((added - means[cases.owners]) ** 2).mean()))


def in_words(shares: Mapping[str, float]) -> str:
    """One sentence, the weightiest first."""
    said = sorted(((share, name) for name, share in shares.items() if share >= _LEAST_SHARE), reverse=True)[:_SAID]
    if not said:
        return "There was too little to learn what the users go by."
    return "The users go by " + ", then by ".join(f"{name} ({share:.0%})" for share, name in said) + "."

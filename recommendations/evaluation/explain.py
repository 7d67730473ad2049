"""Explaining a fitted model: the groups of features with the largest effect on its scores."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from recommendations.learning.cases import Cases
from recommendations.learning.model_selection import SelectedModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE, ADDITIVE_FEATURES
from recommendations.recommenders.hybrid_features.sequence_features import (
    LAST,
    NEXT,
    PAIR_FEATURES,
    SCALE_FEATURES,
    TOGETHER,
)

from .report import ModelSummary

_GROUPS = {
    "favourite teams": (
        "lift of home_team", "lift of away_team", "share of home_team", "share of away_team", "share of teams",
    ),
    "favourite leagues": ("lift of league", "share of league"),
    "favourite sports and countries": (
        "lift of sport", "share of sport", "lift of country", "share of country", "favourite sport", "own country",
    ),
    "usual odds": ("lift of odds_band", "share of odds_band", "usual odds"),
    "size of the odds": ("odd",),
    "popularity": (
        "trend of sport", "trend of league", "trend of country", "trend of home_team", "trend of away_team",
        "trend of odds_band", "selections", "trend", "freshness",
        *(each.name for each in SCALE_FEATURES if each.component == "trending"),
    ),
    "time until the event begins": (
        "nearness", *(each.name for each in SCALE_FEATURES if each.component == "soonest"),
    ),
    "bets of similar users": ("neighbours", "likeness", "mean likeness"),
    "next bets of others": tuple(each.name for each in PAIR_FEATURES if each.component == NEXT),
    "events bet on together": tuple(each.name for each in PAIR_FEATURES if each.component == TOGETHER),
    "similarity to the last bet": tuple(each.name for each in ADDITIVE_FEATURES if each.component == LAST),
}  # fmt: skip
_MAX_GROUPS = 3
_MIN_SHARE = 0.1


def summarize(selected: SelectedModel, cases: Cases) -> ModelSummary:
    weights = dict(selected.model.weights)
    return ModelSummary(selected.kind, selected.cases, selected.scores, weights, explain(shares_of(weights, cases)))


def shares_of(weights: Mapping[str, float], cases: Cases) -> dict[str, float]:
    """Each group's share of the effect on scores: the standard deviation, within cases, of its contribution, divided by
    the sum over all groups."""
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


def explain(shares: Mapping[str, float]) -> str:
    """One sentence with the largest shares first."""
    groups = sorted(((share, name) for name, share in shares.items() if share >= _MIN_SHARE), reverse=True)
    if not groups:
        return "Too little data to find predictors of the users' bets."
    largest = ", ".join(f"{name} ({share:.0%})" for share, name in groups[:_MAX_GROUPS])
    return f"Strongest predictors of the users' bets: {largest}."

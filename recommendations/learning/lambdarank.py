"""LambdaRank by LightGBM, converted to trees that serving evaluates without LightGBM."""

from typing import Any

import lightgbm
import numpy as np

from recommendations.offer.arrays import Floats32
from recommendations.recommenders.hybrid_features.decision_trees import Trees

from .cases import Cases

ROUNDS = 100
_PARAMETERS: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 20,
    "learning_rate": 0.1,
    "max_bin": 63,
    "num_leaves": 16,
    "max_depth": 5,
    "min_data_in_leaf": 50,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,  # with one thread, a sixth faster than by row, with the same trees
    "seed": 1,
    "verbose": -1,
}


def fit_trees(cases: Cases) -> Trees:
    """Trees that rank the chosen event of each case first (Burges: From RankNet to LambdaRank to LambdaMART, 2010)."""
    labels = np.zeros(len(cases.numbers), dtype=np.int8)
    labels[cases.starts] = 1
    data = lightgbm.Dataset(cases.numbers, label=labels, group=cases.sizes)
    return _compiled(lightgbm.train(_PARAMETERS, data, ROUNDS).dump_model()["tree_info"])


def _compiled(found: list[dict[str, Any]]) -> Trees:
    nodes: list[dict[str, Any]] = []
    roots = [_flatten(each["tree_structure"], nodes) for each in found]
    return Trees.of(
        depth=max((node["depth"] for node in nodes), default=0),
        roots=roots,
        features=[node["feature"] for node in nodes],
        thresholds=_round_down([node["threshold"] for node in nodes]),
        children=[child for node in nodes for child in node["children"]],
        values=[node["value"] for node in nodes],
    )


def _flatten(tree: dict[str, Any], nodes: list[dict[str, Any]], depth: int = 0) -> int:
    """Append the tree's nodes. Returns the root's index."""
    place = len(nodes)
    node = {"feature": 0, "threshold": 0.0, "children": (place, place), "value": 0.0, "depth": depth}
    nodes.append(node)
    if "leaf_value" in tree and "split_feature" not in tree:
        node["value"] = tree["leaf_value"]
        return place
    node["feature"], node["threshold"] = tree["split_feature"], tree["threshold"]
    left = _flatten(tree["left_child"], nodes, depth + 1)
    node["children"] = (left, _flatten(tree["right_child"], nodes, depth + 1))
    return place


def _round_down(thresholds: list[float]) -> Floats32:
    """The thresholds as 32-bit floats, rounded down: comparisons with 32-bit features keep their results."""
    exact = np.array(thresholds, dtype=np.float64)
    rounded = exact.astype(np.float32)
    return np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded).astype(np.float32)

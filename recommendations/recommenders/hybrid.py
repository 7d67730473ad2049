"""`hybrid`: all that is known of user and event, weighed as the casino's own history says."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats, kth_largest
from recommendations.tallies.user_tallies import TALLIED

from .base import ProfilePart, Recommender, Scores, ScoringContext
from .hybrid_features.decision_trees import Trees
from .hybrid_features.features import ADDITIVE, FINGERPRINT, NAMES, Features
from .neighbours import Neighbours
from .profile import IMPORTANCE, Profile
from .soonest import Soonest
from .trending import Trending

REFINED = 32  # of the best by weights, how many the trees put in order

# In units of log-odds of being bet on, where nothing has been learnt yet.
DEFAULT_WEIGHTS: Mapping[str, float] = {
    **{f"lift of {name}": 0.4 * IMPORTANCE[name] for name in TALLIED},
    "neighbours": 0.5,
    "trend": 0.6,
    "trend of league": 0.3,
    "nearness": 0.5,
    "favourite sport": 0.3,
    "own country": 0.1,
}
_STEP = 1.0  # between what the trees put in order and all others


class _Kept(msgspec.Struct, array_like=True):
    weights: dict[str, float]
    trees: bytes | None
    features: str = ""


@dataclass(frozen=True)
class Model:
    """`weights` of features by name; `trees`, where they do better, put the best by weights in order."""

    weights: Mapping[str, float]
    trees: Trees | None = None

    @cached_property
    def vector(self) -> Floats:
        return np.array([self.weights.get(name, 0.0) if name in ADDITIVE else 0.0 for name in NAMES])

    def encode(self) -> bytes:
        trees = self.trees.encode() if self.trees else None
        return msgspec.msgpack.encode(_Kept(dict(self.weights), trees, FINGERPRINT))

    @classmethod
    def decode(cls, encoded: bytes) -> "Model":
        """Without the trees if they were fitted to other features than this code's: they know them by place alone."""
        kept = msgspec.msgpack.decode(encoded, type=_Kept)
        if kept.trees is None or kept.features != FINGERPRINT:
            return cls(kept.weights)
        return cls(kept.weights, Trees.decode(kept.trees))


DEFAULT = Model(DEFAULT_WEIGHTS)


class Hybrid(Recommender):
    """The weighted sum of the features (`features.py`): a conditional logit (McFadden 1974) over the open events. Where
    the casino's history is better told by LambdaRank (Burges 2010), its trees put the first `REFINED` in order."""

    name = "hybrid"
    needs = frozenset({ProfilePart.TALLIES})
    components: tuple[Recommender, ...] = (Profile(), Trending(), Neighbours(), Soonest())

    def score(self, context: ScoringContext) -> Scores:
        model = model_of(context)
        features = _features(context)
        scores = features.weighted(model.vector)
        return _refined(scores, features, model.trees, context) if model.trees is not None else scores

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """Those of the component that lifts the event most over the others, then of the others that lift it."""
        lifts = self._lifts(context, place)
        by_name = {each.name: each for each in self.components}
        lifting = sorted((name for name, lift in lifts.items() if lift > 0), key=lambda name: -lifts[name])
        return [sentence for name in lifting for sentence in by_name[name].reasons(context, place)]

    def _lifts(self, context: ScoringContext, place: int) -> dict[str, float]:
        """Component -> how much its features add to the event's score, against the offer's mean."""
        added = _features(context).at(np.array([place]))[0] - _mean_features(context)
        lifts = dict.fromkeys((each.name for each in self.components), 0.0)
        for weight, name, number in zip(model_of(context).vector, NAMES, added, strict=True):
            if weight and (component := _component_of(name)):
                lifts[component] += float(weight * number)
        return lifts


def model_of(context: ScoringContext) -> Model:
    model: Model = context.models.get("hybrid") or DEFAULT
    return model


def _features(context: ScoringContext) -> Features:
    if "features" not in context.kept:
        context.kept["features"] = Features(context)
    features: Features = context.kept["features"]
    return features


def _mean_features(context: ScoringContext) -> Any:
    if "mean features" not in context.kept:
        coming = np.flatnonzero(context.offer.begins > context.hour)
        sample = coming[:: max(len(coming) // 500, 1)]
        means = _features(context).at(sample).mean(axis=0) if sample.size else np.zeros(len(NAMES))
        context.kept["mean features"] = means
    return context.kept["mean features"]


def _component_of(feature: str) -> str | None:
    if feature.startswith(("lift of", "share of")):
        return "profile"
    if feature.startswith("trend") or feature in ("selections", "freshness"):
        return "trending"
    return {"neighbours": "neighbours", "nearness": "soonest"}.get(feature)


def _refined(scores: Scores, features: Features, trees: Trees, context: ScoringContext) -> Scores:
    """The scores, with the best of what has not begun, and of what has, in the order of the trees, above all others."""
    has_begun = context.offer.begins <= context.now
    if not has_begun.any():
        best = _best(scores, None)
    else:
        best = np.concatenate([_best(scores, ~has_begun), _best(scores, has_begun)])
    if not best.size:
        return scores
    of_trees = trees.score(features.at(best))
    # ties are decided by the weights
    by_weights = np.argsort(np.argsort(scores[best], kind="stable")) * (1e-9 / best.size)
    scores[best] = scores.max() + _STEP - of_trees.min() + of_trees + by_weights
    return scores


def _best(scores: Scores, among: Any) -> Any:
    """The places of the `REFINED` best; of equal ones at the edge, the first."""
    places = np.arange(scores.size) if among is None else np.flatnonzero(among)
    if places.size <= REFINED:
        return places
    mine = scores[places]
    edge = kth_largest(mine, REFINED)
    above = np.flatnonzero(mine > edge)
    return places[np.concatenate([above, np.flatnonzero(mine == edge)[: REFINED - above.size]])]

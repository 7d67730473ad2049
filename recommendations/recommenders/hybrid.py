"""`hybrid`: the weighted sum of all features of user and event, with weights learnt from the casino's history."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import ClassVar

import msgspec
import numpy as np

from recommendations.offer.arrays import Floats, best_first

from .base import MAX_NUMBER, ProfilePart, Recommender, Scores, ScoringContext, StoredModel, require
from .calibration import Calibration
from .hybrid_features.decision_trees import Trees
from .hybrid_features.default_weights import DEFAULT_WEIGHTS
from .hybrid_features.features import ADDITIVE, FEATURES, FINGERPRINT, NAMES, Features
from .hybrid_features.sequence_features import SENTENCES
from .hybrid_features.user_vectors import UserVectors
from .neighbours import Neighbours
from .profile import IMPORTANCE, Profile
from .soonest import Soonest
from .trending import Trending
from .user_values import USUAL_ODDS, sentences_of_usual_odds

MAX_WEIGHTS = 1_000
# Kinds of models: the two kinds of initial weights, one of which may be a casino's model, and the fitted kinds.
DEFAULT = "default"
SHARED = "shared"  # the mean of other casinos' weights
FITTED_KINDS = ("logit", "blend")
REFINED = 32  # number of best events by weights, which the trees re-rank

_STEP = 1.0  # between the re-ranked events and all others
_FEATURES, _MEANS = "features", "mean features"  # in a context's memo


class StoredHybridModel(msgspec.Struct, array_like=True):
    weights: dict[str, float]
    trees: bytes | None
    features: str = ""
    shares: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class HybridModel:
    """`weights`: of features by name. `trees`, if any, re-rank the best events by the sum of both scores with their
    `shares` (weights, trees)."""

    weights: Mapping[str, float]
    trees: Trees | None = None
    shares: tuple[float, float] = (0.0, 1.0)

    @cached_property
    def vector(self) -> Floats:
        return np.array([self.weights.get(name, 0.0) if name in ADDITIVE else 0.0 for name in NAMES])

    def blend(self, by_weights: Floats, by_trees: Floats) -> Floats:
        weights_share, trees_share = self.shares
        return weights_share * by_weights + trees_share * by_trees

    def encode(self) -> bytes:
        trees = self.trees.encode() if self.trees else None
        return msgspec.msgpack.encode(StoredHybridModel(dict(self.weights), trees, FINGERPRINT, self.shares))

    @classmethod
    def decode(cls, encoded: bytes) -> "HybridModel":
        """The model, without trees that were fitted to other features than this code's: trees identify features by
        place."""
        stored = msgspec.msgpack.decode(encoded, type=StoredHybridModel)
        weights = _checked(stored.weights)
        if stored.trees is None or stored.features != FINGERPRINT:
            return cls(weights)
        require(all(0 <= share <= MAX_NUMBER for share in stored.shares), "shares are out of range")
        return cls(weights, Trees.decode(stored.trees, len(NAMES)), stored.shares)


def decode_weights(encoded: bytes) -> Mapping[str, float] | None:
    """The weights of an encoded model; None if it was fitted to other features than this code's."""
    stored = msgspec.msgpack.decode(encoded, type=StoredHybridModel)
    return _checked(stored.weights) if stored.features == FINGERPRINT else None


def _checked(weights: dict[str, float]) -> dict[str, float]:
    """Raises UnreadableModel."""
    require(len(weights) <= MAX_WEIGHTS, f"there are {len(weights)} weights")
    require(all(abs(weight) <= MAX_NUMBER for weight in weights.values()), "weights are out of range")
    return weights


DEFAULT_MODEL = HybridModel(DEFAULT_WEIGHTS)
# The scores of single recommenders and baselines, as weights; their names are also kinds of models.
SINGLE: Mapping[str, HybridModel] = {
    "soonest": HybridModel({"nearness": 1.0}),
    "trending": HybridModel({"trend": 1.0, "trend of league": 0.5}),
    "live_popularity": HybridModel({"selections": 1.0}),
    "profile": HybridModel({f"lift of {name}": weight for name, weight in IMPORTANCE.items()}),
    "neighbours": HybridModel({"neighbours": 1.0}),
}


class Hybrid(Recommender):
    """The weighted sum of the features (`features.py`): a conditional logit (McFadden 1974) over the open events. A
    blend of this sum and trees (LambdaRank: Burges 2010) re-ranks the first `REFINED` events."""

    name = "hybrid"
    needs = frozenset({ProfilePart.TALLIES, ProfilePart.SEQUENCE})
    is_calibrated = True
    model_types: ClassVar[Mapping[str, type[StoredModel]]] = {
        "hybrid": HybridModel,
        "tastes": UserVectors,
        "calibration": Calibration,
    }
    explanations: ClassVar[Mapping[str, Callable[[ScoringContext, int], list[str]]]] = {
        **{each.name: each.reasons for each in (Profile(), Trending(), Neighbours(), Soonest())},
        **SENTENCES,
        USUAL_ODDS: sentences_of_usual_odds,
    }

    def score(self, context: ScoringContext) -> Scores:
        model = context.models.get(HybridModel) or DEFAULT_MODEL
        features: Features = context.memo.get(_FEATURES) or context.memo.setdefault(_FEATURES, Features(context))
        scores = features.weighted(model.vector)
        return scores if model.trees is None else _refined(scores, features, model, model.trees, context)

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """The reasons of the components that raise the event's score above the mean, the largest contribution first."""
        lifts = _lifts(context, place)
        lifting = [name for name in self.explanations if lifts.get(name, 0.0) > 0]
        lifting.sort(key=lambda name: -lifts[name])
        return [sentence for name in lifting for sentence in self.explanations[name](context, place)]


def features_of(context: ScoringContext) -> Features:
    """The features of the context's offer, computed once for each context."""
    features: Features = context.memo.get(_FEATURES) or context.memo.setdefault(_FEATURES, Features(context))
    return features


def _lifts(context: ScoringContext, place: int) -> dict[str, float]:
    """Component -> its contribution to the event's score, minus its mean contribution over the offer."""
    features, means = features_of(context), context.memo.get(_MEANS)
    if means is None:
        coming = np.flatnonzero(context.offer.begins > context.hour)
        sample = coming[:: max(len(coming) // 500, 1)]
        means = features.at(sample).mean(axis=0) if sample.size else np.zeros(len(FEATURES))
        context.memo[_MEANS] = means
    model = context.models.get(HybridModel) or DEFAULT_MODEL
    added = model.vector * (features.at(np.array([place]))[0] - means)
    lifts: dict[str, float] = {}
    for feature, lift in zip(FEATURES, added, strict=True):
        if feature.component is not None:
            lifts[feature.component] = lifts.get(feature.component, 0.0) + float(lift)
    return lifts


def _refined(scores: Scores, features: Features, model: HybridModel, trees: Trees, context: ScoringContext) -> Scores:
    """The scores, with the best upcoming and the best live events in the order of the blend, above all others."""
    begins, now = context.offer.begins, context.now
    kinds = [begins > now, begins <= now] if begins.min(initial=np.inf) <= now else [None]
    best = np.array([place for kind in kinds for place in islice(best_first(scores, kind), REFINED)], dtype=np.intp)
    if not best.size:
        return scores
    by_weights = scores[best]
    blended = model.blend(by_weights, trees.score(features.at(best)))
    # equal events are ordered by the weights
    order = by_weights.argsort(kind="stable").argsort() * (1e-9 / best.size)
    scores[best] = by_weights.max() + _STEP - blended.min() + blended + order
    return scores

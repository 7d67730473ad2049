"""`hybrid`: a weighted blend of all that is known."""

from collections.abc import Mapping
from math import sqrt

import numpy as np

from recommendations.offer import Mask

from .base import Knowledge, Recommender, Scores, Situation
from .neighbours import Neighbours
from .profile import Profile
from .soonest import Soonest
from .trending import Trending

DEFAULT_WEIGHTS = {"profile": 1.0, "trending": 0.6, "soonest": 0.6, "neighbours": 0.4}
_HOUR = 3_600.0
_NO_SPREAD = 1e-6  # what only decides between equals is less


class Hybrid(Recommender):
    """The sum of weight_c * z_c: the scores of each component c (see there), where it applies, as multiples of their
    standard deviation over the offer. `soonest` counts by the logarithm of the hours that are left."""

    name = "hybrid"
    needs = frozenset({Knowledge.TALLIES})
    components: tuple[Recommender, ...] = (Profile(), Trending(), Neighbours(), Soonest())

    def score(self, situation: Situation) -> Scores:
        scores: Scores = np.zeros(len(situation.offer))
        for name, standardised in self.parts(situation).items():
            scores += weights_of(situation)[name] * standardised
        return scores

    def parts(self, situation: Situation) -> dict[str, Scores]:
        """Component -> its standardised scores, shape (n,)."""
        if self.name not in situation.kept:
            situation.kept[self.name] = self._parts(situation)
        parts: dict[str, Scores] = situation.kept[self.name]
        return parts

    def _parts(self, situation: Situation) -> dict[str, Scores]:
        parts = {each.name: each.score(situation) for each in self.components[:-1] if each.applies(situation)}
        standardised = {name: _standardise(scores, _is_on(situation)) for name, scores in parts.items()}
        return standardised | {"soonest": _nearness(situation)}

    def reasons(self, situation: Situation, place: int) -> list[str]:
        """Those of the component that lifts the event most, then of the others that lift it."""
        parts, weights = self.parts(situation), weights_of(situation)
        lifts = {name: weights[name] * float(scores[place]) for name, scores in parts.items()}
        by_name = {each.name: each for each in self.components}
        lifting = sorted((name for name, lift in lifts.items() if lift > 0), key=lambda name: -lifts[name])
        return [sentence for name in lifting for sentence in by_name[name].reasons(situation, place)]


def weights_of(situation: Situation) -> Mapping[str, float]:
    return DEFAULT_WEIGHTS | dict(situation.models.get("hybrid") or {})


def _nearness(situation: Situation) -> Scores:
    """The negative logarithms of the hours that are left, standardised; the same for all users, for an hour."""
    offer = situation.offer
    kept = offer.memo.get("nearness")
    if kept is None or kept[0] != situation.hour:
        hours = np.maximum(offer.begins - situation.hour, 0.0) / _HOUR
        kept = offer.memo["nearness"] = (situation.hour, _standardise(-np.log1p(hours), _is_on(situation)))
    nearness: Scores = kept[1]
    return nearness


def _is_on(situation: Situation) -> Mask | None:
    """Which events are not over, None for all: processes differ in when they let those go that are."""
    offer = situation.offer
    kept = offer.memo.get("is on")
    if kept is None or kept[0] != situation.hour:
        is_on = offer.ends > situation.hour
        kept = offer.memo["is on"] = (situation.hour, None if is_on.all() else is_on)
    mask: Mask | None = kept[1]
    return mask


def _standardise(scores: Scores, is_on: Mask | None) -> Scores:
    """As multiples of the standard deviation, both by the events that are on."""
    counting = scores if is_on is None else scores[is_on]
    mean = float(counting.mean()) if counting.size else 0.0
    variance = max(float(counting @ counting) / max(counting.size, 1) - mean**2, 0.0)
    spread = sqrt(variance)
    if spread < _NO_SPREAD:
        return np.zeros_like(scores)
    standardised: Scores = (scores - mean) / spread
    return standardised

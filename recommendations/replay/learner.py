"""The models as a replay has them: fitted to the past alone, again and again."""

from collections import defaultdict
from typing import Any

import numpy as np

from recommendations.learning.cases import Case, RecentCases, sample
from recommendations.learning.model_selection import SelectedModel, learn
from recommendations.learning.user_vectors import fit_user_vectors
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import Profile
from recommendations.recommenders.hybrid_features.features import NAMES, Features
from recommendations.recommenders.hybrid_features.user_vectors import CoBettorSums, UserVectors

from .history import PastCoupon
from .replayed_state import ReplayedState
from .serving_inputs import ServingInput

GROWTH = 1.05  # by what the past must have grown before it is worth fitting again
_NEW_CONTEST = 1.5  # by what before the kinds of models compete again


class Learner:
    """Collects cases while the world goes on, and fits models when it is time."""

    def __init__(self, world: ReplayedState, every: float) -> None:
        self.book = RecentCases(len(NAMES))
        self.learnt: SelectedModel | None = None
        self._world, self._every = world, every
        self._models: dict[str, Any] = {}
        self._sums: CoBettorSums | None = None
        self._bets: list[tuple[int, int]] = []
        self._bettors: dict[int, list[int]] = defaultdict(list)  # event's id -> users
        self._fitted_at, self._coupons, self._contest = -np.inf, 0.0, 0.0

    @property
    def models(self) -> dict[str, Any]:
        """What serves now, by recommender."""
        if self._sums is not None:
            self._models["co_bettors"] = self._sums.co_bettors()
        return self._models

    @property
    def user_vectors(self) -> UserVectors | None:
        return self._sums.user_vectors if self._sums is not None else None

    def learn_from(self, moment: ServingInput, chosen: int) -> None:
        """Remember that the event at this place of the moment's offer was chosen."""
        others = np.flatnonzero(moment.is_candidate)
        rng = np.random.default_rng((self._world.coupons, chosen))
        places = sample(rng, chosen, others[others != chosen])
        numbers = _features(moment).at(places).astype(np.float32)
        self.book.add(Case(self._world.now, numbers))

    def see(self, coupon: PastCoupon) -> None:
        """A coupon that the world has just got."""
        event_ids = [int(self._world.history.events.ids[place]) for place in coupon.places]
        self._bets.extend((coupon.user_id, event_id) for event_id in event_ids)
        for event_id in event_ids:
            self._bettors[event_id].append(coupon.user_id)
        if self._sums is not None:
            self._sums.add(coupon.user_id, event_ids)

    def is_due(self) -> bool:
        """Whether the schedule says so, and there is enough that is new."""
        has_grown = self._world.coupons >= max(self._coupons * GROWTH, self._coupons + 1)
        return has_grown and self._world.now >= self._fitted_at + self._every

    def fit(self, *, with_hybrid: bool) -> None:
        """Fit what the recommenders go by to all that has been seen; `hybrid` to the cases too."""
        self._fitted_at, self._coupons = self._world.now, float(self._world.coupons)
        model = neighbours.fit(self._tokens())
        self._models = {"neighbours": model} if model is not None else {}
        self._models["popular"] = self._counts_of_events()
        self.take(fit_user_vectors(self._bets))
        if with_hybrid:
            self._fit_hybrid()

    def take(self, user_vectors: UserVectors | None) -> None:
        """Serve these user vectors from now on, with the co-bettors of what is open."""
        self._sums = CoBettorSums(user_vectors) if user_vectors is not None else None
        for event_id in map(int, self._world.open().offer.ids) if self._sums is not None else ():
            for user_id in self._bettors.get(event_id, ()):
                self._sums.add(user_id, [event_id])  # type: ignore[union-attr]

    def _fit_hybrid(self) -> None:
        cases = self.book.cases()
        is_new = self.learnt is None or len(cases) >= self._contest * _NEW_CONTEST
        self.learnt = learn(cases, None if is_new or self.learnt is None else self.learnt.kind)
        if is_new:
            self._contest = float(len(cases))
        self._models["hybrid"] = self.learnt.model

    def _counts_of_events(self) -> dict[int, float]:
        counts = self._world.event_counts
        ids = self._world.history.events.ids
        return {int(ids[place]): float(counts[place]) for place in np.flatnonzero(counts)}

    def _tokens(self) -> Any:
        now = self._world.now
        for tallies in self._world.tallies.values():
            if tokens := neighbours.tokens_of(Profile(weights=tallies.weights_at(now))):
                yield tokens


def _features(moment: ServingInput) -> Features:
    """Those that `hybrid` has made already, if it was asked."""
    kept = moment.context.kept
    if "features" not in kept:
        kept["features"] = Features(moment.context)
    features: Features = kept["features"]
    return features

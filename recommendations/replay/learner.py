"""Fits models during a replay, only to the past."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from recommendations.learning.calibration import LONGEST, fit_calibration
from recommendations.learning.cases import Case, RecentCases, sample
from recommendations.learning.model_selection import SelectedModel, fit_again, select_model
from recommendations.learning.user_vectors import fit_user_vectors
from recommendations.recommenders import neighbours
from recommendations.recommenders.base import NO_MODELS, BettingProfile, FittedModels
from recommendations.recommenders.calibration import Calibration
from recommendations.recommenders.hybrid import HybridModel, features_of
from recommendations.recommenders.hybrid_features.features import NAMES
from recommendations.recommenders.hybrid_features.user_vectors import CoBettorSums, UserVectors

from .history import DAY, PastCoupon
from .replayed_state import ReplayedState
from .serving_inputs import ServingInput
from .shown_slips import ShownSlip

GROWTH = 1.05  # growth factor of coupons until models are fitted again
_SELECTION_GROWTH = 1.5  # growth factor of cases until models are compared again


@dataclass(frozen=True, slots=True)
class EventCounts:
    """Event id -> number of bets at the time of the fit."""

    counts: Mapping[int, float]


class Learner:
    """Collects training cases during a replay, and fits models at intervals of `every` seconds."""

    def __init__(self, state: ReplayedState, every: float, shared: HybridModel | None = None) -> None:
        self.recent_cases = RecentCases(len(NAMES))
        self.selected: SelectedModel | None = None
        self.calibration: Calibration | None = None
        self._state, self._every, self._shared = state, every, shared
        self._models = NO_MODELS
        self._sums: CoBettorSums | None = None
        self._bets: list[tuple[int, int]] = []
        self._bettors: dict[int, list[int]] = defaultdict(list)  # event id -> users
        self._fitted_at, self._coupons, self._cases_at_selection = -np.inf, 0.0, 0.0
        self._calibrated_at = -np.inf

    @property
    def models(self) -> FittedModels:
        """The current models."""
        co_bettors = [] if self._sums is None else [self._sums.co_bettors()]
        return self._models.including(self._state.sequences.counts(), *co_bettors)

    @property
    def user_vectors(self) -> UserVectors | None:
        return self._sums.user_vectors if self._sums is not None else None

    def add_case(self, serving_input: ServingInput, chosen: int) -> None:
        """Add a training case: a bet on the event at place `chosen` of the input's offer."""
        others = np.flatnonzero(serving_input.candidates_with(chosen))
        rng = np.random.default_rng((self._state.coupons, chosen))
        places = sample(rng, chosen, others[others != chosen])
        numbers = features_of(serving_input.context).at(places).astype(np.float32)
        self.recent_cases.add(Case(self._state.now, numbers))

    def add_coupon(self, coupon: PastCoupon) -> None:
        """Count a coupon that was just added to the state."""
        event_ids = [int(self._state.history.events.ids[place]) for place in coupon.places]
        self._bets.extend((coupon.user_id, event_id) for event_id in event_ids)
        for event_id in event_ids:
            self._bettors[event_id].append(coupon.user_id)
        if self._sums is not None:
            self._sums.add(coupon.user_id, event_ids)

    def model_of_cases(self) -> HybridModel:
        """The hybrid model as it would be selected and fitted now to all cases; a model of fewer cases would show slips
        with fewer bets than the served ones. It is not stored."""
        return select_model(self.recent_cases.cases(), self._shared).model

    def is_due(self) -> bool:
        """Whether the interval has passed, which is never so for an infinite one, and there are enough new coupons."""
        has_grown = self._state.coupons >= max(self._coupons * GROWTH, self._coupons + 1)
        return has_grown and self._state.now >= self._fitted_at + self._every

    def fit(self, *, with_hybrid: bool, slips: Sequence[ShownSlip] = ()) -> None:
        """Fit the models to all coupons so far; with `with_hybrid`, also the hybrid to the cases and its calibration to
        its `slips`."""
        self._fitted_at, self._coupons = self._state.now, float(self._state.coupons)
        model = neighbours.fit(self._tokens())
        self._models = FittedModels(self._counts_of_events(), *([model] if model is not None else []))
        self.set_user_vectors(fit_user_vectors(self._bets))
        if with_hybrid:
            self._fit_hybrid()
            self.calibrate(slips)

    def is_calibration_due(self) -> bool:
        """Whether a day has passed since the last calibration. A daily `fit_models` makes served ones as old."""
        return self._state.now >= self._calibrated_at + DAY

    def calibrate(self, slips: Sequence[ShownSlip]) -> None:
        """Calibrate the hybrid's confidence to its `slips`."""
        self._calibrated_at = self._state.now
        numbers = np.array([(each.coupons, each.first_hit) for each in slips], dtype=np.float64).reshape(-1, 2)
        shares = np.array([[*each.shares, *each.shares[-1:] * LONGEST][:LONGEST] for each in slips])
        if isfinite(self._state.history.known_since):
            numbers[:, 0] = 0.0  # coupons are missing, so these numbers differ from those in serving
        self.calibration = fit_calibration(numbers[:, 0], shares, numbers[:, 1])
        if self.calibration is not None:
            self._models = self._models.including(self.calibration)

    def set_user_vectors(self, user_vectors: UserVectors | None) -> None:
        """Replace the user vectors, and sum the vectors of each open event's bettors."""
        self._sums = None
        if user_vectors is None:
            return
        self._sums = CoBettorSums(user_vectors)
        for event_id in map(int, self._state.open().offer.ids):
            for user_id in self._bettors.get(event_id, ()):
                self._sums.add(user_id, [event_id])

    def _fit_hybrid(self) -> None:
        cases = self.recent_cases.cases()
        is_new = self.selected is None or len(cases) >= self._cases_at_selection * _SELECTION_GROWTH
        if is_new or self.selected is None:
            self.selected, self._cases_at_selection = select_model(cases, self._shared), float(len(cases))
        else:
            self.selected = fit_again(self.selected, cases)
        self._models = self._models.including(self.selected.model)

    def _counts_of_events(self) -> EventCounts:
        counts = self._state.event_counts
        ids = self._state.history.events.ids
        return EventCounts({int(ids[place]): float(counts[place]) for place in np.flatnonzero(counts)})

    def _tokens(self) -> Any:
        now = self._state.now
        for tallies in self._state.tallies.values():
            if tokens := neighbours.tokens_of(BettingProfile(weights=tallies.weights_at(now))):
                yield tokens

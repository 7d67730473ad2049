"""The choices that a recommender would have made for past answers, from the data known at the time of each."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf

import numpy as np
from django.conf import settings

from recommendations.recommenders.base import Recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import Options

from .history import History, PastCoupon, slip_key, slips_of
from .learner import Learner
from .outcome_cases import OutcomeReplay
from .replay import MIN_COUPONS_TO_FIT, TRAINING_COUPONS, served_scores
from .replayed_state import ReplayedState
from .serving_inputs import ServingInputs

_REFIT = 7 * 86_400.0  # seconds


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """A past answer: its user, time (Unix seconds), and the ids of the events to choose from."""

    user_id: int
    timestamp: float
    candidates: tuple[int, ...]


def past_choices(
    history: History, answers: Sequence[PastAnswer], recommender: Recommender, options: Options
) -> list[int | None]:
    """The index of the candidate with the highest score for each answer, by the recommender or its first fallback that
    applies; the first in the order of ids of equal ones. NaN counts as the lowest score. None if a candidate was not
    open by the history, or if all earlier coupons are missing in the history.

    `answers` are in chronological order. Only coupons before an answer's time are known to it; models are fitted weekly
    to earlier coupons.
    """
    walk = _Walk(history, recommender, options, answers[0].timestamp if answers else 0.0)
    return [walk.choose(answer) for answer in answers]


class _Walk:
    """The replayed state at the time of the latest answer."""

    def __init__(self, history: History, recommender: Recommender, options: Options, begins: float) -> None:
        self._history, self._recommender, self._options = history, recommender, options
        self._state = ReplayedState(history)
        self._inputs = ServingInputs(self._state, settings.INFERENCE_REFRESH_PURCHASES)
        self._learner = Learner(self._state, _REFIT)
        self._outcomes = OutcomeReplay(history, self._state)
        chain = RecommendationRequest(history.casino_id, recommender, _time(begins), options).chain
        self._models = frozenset(name for each in chain for name in each.model_types)
        before = sum(each.timestamp < begins for each in history.coupons)
        self._first_training = max(before - TRAINING_COUPONS, 0)
        self._added = 0

    def choose(self, answer: PastAnswer) -> int | None:
        if answer.timestamp <= self._history.known_since:
            return None
        self._add_coupons(until=answer.timestamp)
        self._state.move_to(answer.timestamp)
        if self._models and self._state.coupons >= MIN_COUPONS_TO_FIT and self._learner.is_due():
            self._learner.fit(with_hybrid="hybrid" in self._models)
        request = RecommendationRequest(
            self._history.casino_id, self._recommender, _time(answer.timestamp), self._options
        )
        given = self._inputs.of(answer.user_id, request, self._learner.models, request.needs)
        places = [given.offer.place_of(each) for each in answer.candidates]
        if None in places:
            return None
        scores = np.nan_to_num(
            served_scores(self._recommender, given, self._options), nan=-inf, posinf=inf, neginf=-inf
        )
        ranked = [(-float(scores[place]), place) for place in places if place is not None]
        return ranked.index(min(ranked))

    def _add_coupons(self, *, until: float) -> None:
        coupons = self._history.coupons
        end = bisect_left(coupons, until, key=lambda coupon: coupon.timestamp)
        self._slips = slips_of(coupons[max(self._added, self._first_training) : end])  # without later legs
        for coupon in coupons[self._added : end]:
            self._add(coupon)
            self._added += 1

    def _add(self, coupon: PastCoupon) -> None:
        self._state.move_to(coupon.timestamp)
        if "hybrid" in self._models and self._added >= self._first_training:
            self._learn(coupon)
        if coupon.bets:
            self._outcomes.use(coupon, is_tested=False)
        self._state.add(coupon, self._outcomes.odd_of if coupon.bets else None)
        self._learner.add_coupon(coupon)

    def _learn(self, coupon: PastCoupon) -> None:
        """Add training cases for the events of the slip that begins with this coupon, if its user has earlier
        coupons."""
        legs = self._slips.pop(slip_key(coupon), ())
        if not self._state.coupon_counts[coupon.user_id]:
            return
        request = RecommendationRequest(
            self._history.casino_id, self._recommender, _time(coupon.timestamp), self._options
        )
        given = self._inputs.of(coupon.user_id, request, self._learner.models, frozenset(), legs)
        for event in legs:
            if (place := given.place_of(event)) is not None:
                self._learner.add_case(given, place)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""The replay: a history in the order of time, each recommender asked what it would have said before each bet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.conf import settings

from recommendations.learning.cases import MAX_CASES, Cases
from recommendations.learning.model_selection import SelectedModel
from recommendations.recommenders.base import ProfilePart, Recommender, Scores
from recommendations.recommenders.hybrid_features.features import NAMES
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving import slip
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import DEFAULTS, Options

from .history import History, PastCoupon
from .learner import Learner
from .replayed_state import ReplayedState
from .serving_inputs import ServingInput, ServingInputs
from .slip_quality import SlipStatistics, faults, unlikeness

DAY = 86_400.0
_LEARN_FROM = 8_000  # coupons before the tested ones: what the models learn from
_LEAST_TO_FIT = 20  # coupons


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """What to replay: the last `test_fraction` of the coupons is tested, cases of events with at least
    `min_prior_coupons` (which also are what is learnt from); models are fitted anew every `refit` seconds."""

    recommenders: Sequence[Recommender]
    test_fraction: float = 0.2
    refit: float = 7 * DAY
    min_prior_coupons: int = 0
    options: Options = DEFAULTS


@dataclass(frozen=True, slots=True)
class TestedCase:
    """A user's first bet on an event. `ranks`: of that event for each recommender, from 1, ties at their expected
    rank. `user_coupons` and `event_selections` were there before."""

    timestamp: float
    user_id: int
    candidates: int
    user_coupons: int
    event_selections: int
    ranks: tuple[float, ...]


@dataclass(slots=True)
class ReplayResult:
    """What a replay found; `slips`, one a recommender."""

    names: tuple[str, ...]
    tested_from: float
    cases: list[TestedCase] = field(default_factory=list)
    slips: list[SlipStatistics] = field(default_factory=list)
    open_events: set[int] = field(default_factory=set)
    learnt: SelectedModel | None = None
    learnt_from: Cases = field(default_factory=lambda: Cases.of([], len(NAMES)))


def replay(history: History, plan: ReplayPlan, tell: Callable[[], None] = lambda: None) -> ReplayResult:
    """Walk through all of the history, once for all recommenders. `tell` is called after each coupon."""
    run = _Run(history, plan)
    for number, coupon in enumerate(history.coupons):
        run.pass_by(number, coupon)
        tell()
    run.found.learnt, run.found.learnt_from = run.learner.learnt, run.learner.book.cases()
    return run.found


def replay_to_fit(history: History, *, refit: float = 7 * DAY, min_prior_coupons: int = 0) -> Learner:
    """Walk through all of the history to learn from it, and fit everything to all of it at the end."""
    run = _Run(history, ReplayPlan([RECOMMENDERS["hybrid"]], 0.0, refit, min_prior_coupons))
    for number, coupon in enumerate(history.coupons):
        run.pass_by(number, coupon)
    run.learner.fit(with_hybrid=True)
    return run.learner


class _Run:
    def __init__(self, history: History, plan: ReplayPlan) -> None:
        self._plan = plan
        self.world = ReplayedState(history)
        self._moments = ServingInputs(self.world, settings.INFERENCE_REFRESH_PURCHASES)
        self.learner = Learner(self.world, plan.refit)
        self._first_tested = int(len(history.coupons) * (1 - plan.test_fraction))
        self._first_learnt = max(self._first_tested - _LEARN_FROM, 0)
        learnt = history.coupons[self._first_learnt : self._first_tested]
        # so many coupons that the cases before the test fill the book, and no more
        self._stride = max(round(sum(len(coupon.places) for coupon in learnt) / MAX_CASES), 1)
        names = tuple(recommender.name for recommender in plan.recommenders)
        tested = history.coupons[self._first_tested :]
        self.found = ReplayResult(
            names, tested[0].timestamp if tested else np.inf, slips=[SlipStatistics() for _ in names]
        )

    def pass_by(self, number: int, coupon: PastCoupon) -> None:
        """Let one coupon be bought, and see before what would have been recommended."""
        self.world.move_to(coupon.timestamp)
        self._fit_if_due(number)
        if number >= self._first_learnt:
            self._look(coupon, is_tested=number >= self._first_tested, is_learnt=number % self._stride == 0)
        self.world.add(coupon)
        self.learner.see(coupon)

    def _fit_if_due(self, number: int) -> None:
        is_first_test = number == self._first_tested
        is_due = number >= self._first_learnt and self.world.coupons >= _LEAST_TO_FIT and self.learner.is_due()
        if is_due or is_first_test:
            self.learner.fit(with_hybrid=number >= self._first_tested)

    def _look(self, coupon: PastCoupon, *, is_tested: bool, is_learnt: bool) -> None:
        is_learnt = is_learnt and self.world.coupon_counts[coupon.user_id] > 0
        fresh = [place for place in coupon.places if self._is_asked(coupon, place)]
        if not fresh or not (is_tested or is_learnt):
            return
        request = self._question(coupon)
        needs = frozenset(ProfilePart) if is_tested else frozenset[ProfilePart]()
        moment = self._moments.of(coupon.user_id, request, dict(self.learner.models), needs)
        targets = [(event, place) for event in fresh if (place := moment.place_of(event)) is not None]
        if is_tested and targets:
            self._test(coupon, moment, targets)
        for _, place in targets if is_learnt else ():
            self.learner.learn_from(moment, place)

    def _is_asked(self, coupon: PastCoupon, place: int) -> bool:
        is_first = place not in self.world.chosen[coupon.user_id]
        return is_first and self.world.event_counts[place] >= self._plan.min_prior_coupons

    def _question(self, coupon: PastCoupon) -> RecommendationRequest:
        now = datetime.fromtimestamp(coupon.timestamp, UTC)
        return RecommendationRequest(self.world.history.casino_id, self._plan.recommenders[0], now, self._plan.options)

    def _test(self, coupon: PastCoupon, moment: ServingInput, targets: list[tuple[int, int]]) -> None:
        candidates = moment.is_candidate
        ranks = np.empty((len(targets), len(self._plan.recommenders)))
        for column, recommender in enumerate(self._plan.recommenders):
            scores = _served_scores(recommender, moment, self._plan.options)
            ranks[:, column] = [rank_of(scores, candidates, place) for _, place in targets]
            self._fill(self.found.slips[column], scores, moment)
        self.found.open_events.update(moment.open.places[candidates].tolist())
        for (event, _), row in zip(targets, ranks, strict=True):
            self.found.cases.append(
                TestedCase(
                    coupon.timestamp,
                    coupon.user_id,
                    int(np.count_nonzero(candidates)),
                    self.world.coupon_counts[coupon.user_id],
                    int(self.world.event_counts[event]),
                    tuple(row.tolist()),
                )
            )

    def _fill(self, count: SlipStatistics, scores: Scores, moment: ServingInput) -> None:
        places = slip.choose(moment.offer, scores, moment.rules)
        events = moment.open.places[places].tolist()
        invalid = faults(self.world, events, moment.chosen)
        count.add(events, invalid, unlikeness(moment.offer, places))


def _served_scores(recommender: Recommender, moment: ServingInput, options: Options) -> Scores:
    """The scores of the recommender, or of the first of its fallbacks that has something to go by."""
    context = moment.context
    if recommender.applies(context):
        return recommender.score(context)
    request = RecommendationRequest(0, recommender, datetime.fromtimestamp(context.now, UTC), options)
    return next(each for each in request.chain[1:] if each.applies(context)).score(context)


def rank_of(scores: Scores, candidates: Any, place: int) -> float:
    """The rank of the event at `place` among the candidates, from 1; ties count at their expected rank."""
    own = scores[place]
    mine = scores[candidates]
    equal = int(np.count_nonzero(mine == own))
    return 1.0 + int(np.count_nonzero(mine > own)) + (equal - 1) / 2.0

"""Replays a history in chronological order: before each bet, each recommender ranks the open events."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Any

import numpy as np
from django.conf import settings
from msgspec.structs import replace

from recommendations.errors import InvalidConfiguration
from recommendations.learning.calibration import LONGEST, MAX_SLIPS
from recommendations.learning.cases import MAX_CASES, Cases
from recommendations.recommenders.base import ProfilePart, Recommender, Scores
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving import slip
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import DEFAULTS, Options

from .calibrating_slips import CalibratingSlips
from .history import DAY, History, PastCoupon, slip_key, slips_of
from .learner import Learner
from .outcome_cases import OutcomeReplay
from .replay_result import ReplayResult, TestedCase
from .replayed_state import ReplayedState
from .serving_inputs import ServingInput, ServingInputs
from .shown_slips import ShownSlip
from .slip_quality import SlipStatistics, count_rule_violations, intra_list_diversity

TRAINING_COUPONS = 8_000  # the last ones before the tested coupons
MIN_COUPONS_TO_FIT = 20


@dataclass(frozen=True, slots=True)
class ReplayPlan:
    """The last `test_fraction` of the coupons is tested. Tested and training cases are bets on events with at least
    `min_prior_coupons` earlier selections. Models are fitted every `refit` seconds; with `fit_first` only once, to this
    number of first coupons, at most to all coupons before the tested ones. `shared`: the weights shared by other
    casinos."""

    recommenders: Sequence[Recommender]
    test_fraction: float = 0.2
    refit: float = 7 * DAY
    min_prior_coupons: int = 0
    options: Options = DEFAULTS
    fit_first: int | None = None
    shared: HybridModel | None = None


def replay(history: History, plan: ReplayPlan, on_progress: Callable[[], None] = lambda: None) -> ReplayResult:
    """Replay the history once for all recommenders. Calls `on_progress` after each coupon. Raises
    InvalidConfiguration."""
    run = _Replay(history, plan)
    for number, coupon in enumerate(history.coupons):
        run.step(number, coupon)
        on_progress()
    if run.outcomes is not None:
        run.found.outcome_cases, run.found.unknown_outcomes = run.outcomes.cases, run.outcomes.unknown
    run.found.selected, run.found.fitted_cases = run.learner.selected, run.learner.recent_cases.cases()
    return run.found


def replay_to_fit(
    history: History,
    *,
    refit: float = 7 * DAY,
    min_prior_coupons: int = 0,
    options: Options = DEFAULTS,
    shared: HybridModel | None = None,
) -> Learner:
    """Replay the history to collect training cases, and fit all models to the whole history at the end. `options`: of
    the slips to which confidence is calibrated. `shared`: the weights shared by other casinos."""
    plan = ReplayPlan([RECOMMENDERS["hybrid"]], 0.0, refit, min_prior_coupons, options, shared=shared)
    run = _Replay(history, plan)
    for number, coupon in enumerate(history.coupons):
        run.step(number, coupon)
    run.fit(with_hybrid=True)
    return run.learner


def cases_without_models(history: History, *, min_prior_coupons: int = 0) -> Cases:
    """Training cases from every n-th of a history's last `TRAINING_COUPONS` coupons, as in a casino that fits no
    model."""
    run = _Replay(history, ReplayPlan([], 0.0, refit=inf, min_prior_coupons=min_prior_coupons))
    for number, coupon in enumerate(history.coupons):
        run.step(number, coupon)
    return run.learner.recent_cases.cases()


class _Replay:
    def __init__(self, history: History, plan: ReplayPlan) -> None:
        self._plan = plan
        self.state = ReplayedState(history)
        self._inputs = ServingInputs(self.state, settings.INFERENCE_REFRESH_PURCHASES)
        self.learner = Learner(self.state, plan.refit, plan.shared)
        has_outcomes = any(coupon.bets for coupon in history.coupons)
        self.outcomes = OutcomeReplay(history, self.state) if has_outcomes else None
        self._first_tested = int(len(history.coupons) * (1 - plan.test_fraction))
        self._is_fitted_once = plan.fit_first is not None
        self._first_fit = _first_fit(plan, self._first_tested)
        self._first_training = max(self._first_fit - TRAINING_COUPONS, 0)
        training = history.coupons[self._first_training : self._first_fit]
        # every n-th coupon, so that the training cases before the test add up to MAX_CASES
        self._stride = max(round(sum(len(coupon.places) for coupon in training) / MAX_CASES), 1)
        self._calibrating = CalibratingSlips(self.learner, range(self._first_training, self._first_fit))
        self._calibrated = [column for column, each in enumerate(plan.recommenders) if each.is_calibrated]
        names = tuple(recommender.name for recommender in plan.recommenders)
        tested = history.coupons[self._first_tested :]
        self._slips = {False: slips_of(training), True: slips_of(tested)}
        self.found = ReplayResult(
            names, tested[0].timestamp if tested else np.inf, slips=[SlipStatistics() for _ in names]
        )

    def step(self, number: int, coupon: PastCoupon) -> None:
        """Use the slip that begins with this coupon as test and training cases, then add the coupon to the state."""
        self.state.move_to(coupon.timestamp)
        for each in self.found.slips:
            each.slips.move_to(coupon.timestamp)
        self._fit_if_due(number)
        is_tested = number >= self._first_tested
        if self._calibrated:
            self._calibrating.move_to(number)
        if number >= self._first_training:
            is_shown = bool(self._calibrated) and self._calibrating.is_due(number)
            self._use(coupon, is_tested=is_tested, is_training=number % self._stride == 0, is_shown=is_shown)
        odd_of = None
        if self.outcomes is not None and coupon.bets:
            self.outcomes.use(coupon, is_tested=is_tested)
            odd_of = self.outcomes.odd_of
        self.state.add(coupon, odd_of)
        self.learner.add_coupon(coupon)
        for each in self.found.slips:
            each.slips.add(coupon)

    def fit(self, *, with_hybrid: bool) -> None:
        """Fit the models to all data so far."""
        self.learner.fit(with_hybrid=with_hybrid, slips=self._shown_until_now())

    def _shown_until_now(self) -> list[ShownSlip]:
        """The latest slips of calibrated recommenders whose day is over."""
        return [slip for column in self._calibrated for slip in self.found.slips[column].slips.over[-MAX_SLIPS:]]

    def _fit_if_due(self, number: int) -> None:
        if self._is_fitted_once and number > self._first_fit:
            return
        is_first_fit = number == self._first_fit
        has_enough = number >= self._first_training and self.state.coupons >= MIN_COUPONS_TO_FIT
        is_due = has_enough and self.learner.is_due()
        if is_due or is_first_fit:
            self.fit(with_hybrid=number >= self._first_fit)
        elif number > self._first_fit and self.learner.is_calibration_due():
            self.learner.calibrate(self._shown_until_now())

    def _use(self, coupon: PastCoupon, *, is_tested: bool, is_training: bool, is_shown: bool) -> None:
        is_training = is_training and self.state.coupon_counts[coupon.user_id] > 0
        legs = self._slips[is_tested].pop(slip_key(coupon), ())  # empty if the slip's first coupon has used them
        cases = [place for place in legs if self._is_case(coupon, place)]
        if not cases or not (is_tested or is_training or is_shown):
            return
        request = self._request(coupon)
        needs = frozenset(ProfilePart) if is_tested else frozenset[ProfilePart]()
        serving_input = self._inputs.of(coupon.user_id, request, self.learner.models, needs, legs)
        targets = [(event, place) for event in cases if (place := serving_input.place_of(event)) is not None]
        if is_tested and targets:
            self._test(coupon, serving_input, targets)
        elif is_shown and targets and self._have_own_odds(targets):
            for column in self._calibrated:
                events, shares = self._calibrating.choose(self._plan.recommenders[column], serving_input)
                self._add_shown(column, coupon, events, shares)
        for _, place in targets if is_training else ():
            self.learner.add_case(serving_input, place)

    def _is_case(self, coupon: PastCoupon, place: int) -> bool:
        is_first = place not in self.state.chosen[coupon.user_id]
        return is_first and self.state.event_counts[place] >= self._plan.min_prior_coupons

    def _have_own_odds(self, targets: list[tuple[int, int]]) -> bool:
        """Whether the events have odds of their own: slips of a replay contain no events priced by markets alone."""
        return not np.isnan(self.state.odds[[event for event, _ in targets]]).any()

    def _request(self, coupon: PastCoupon) -> RecommendationRequest:
        now = datetime.fromtimestamp(coupon.timestamp, UTC)
        any_registered = RECOMMENDERS["soonest"]  # the inputs don't depend on it; baselines are not registered
        return RecommendationRequest(self.state.history.casino_id, any_registered, now, self._plan.options)

    def _add_shown(
        self,
        column: int,
        coupon: PastCoupon,
        places: list[int],
        shares: list[float],
        confidence: float | None = None,
    ) -> None:
        if not places:  # no slip
            return
        coupons, limit = self.state.coupon_counts[coupon.user_id], self._plan.options.event_limit
        shown = ShownSlip(coupon.timestamp, coupons, places, shares, confidence, limit)
        self.found.slips[column].slips.show(coupon.user_id, shown)

    def _test(self, coupon: PastCoupon, serving_input: ServingInput, targets: list[tuple[int, int]]) -> None:
        candidates = [serving_input.candidates_with(place) for _, place in targets]
        ranks = np.empty((len(targets), len(self._plan.recommenders)))
        for column, recommender in enumerate(self._plan.recommenders):
            step, answering = answering_recommender(recommender, serving_input, self._plan.options)
            scores = answering.score(serving_input.context)
            ranks[:, column] = [
                rank_of(scores, mask, place) for mask, (_, place) in zip(candidates, targets, strict=True)
            ]
            events, shares = self._add_slip(column, scores, serving_input)
            coupons, served = self.state.coupon_counts[coupon.user_id], min(len(events), serving_input.rules.limit)
            share = shares[served - 1] if shares else 0.0
            confidence = answering.confidence(serving_input.context.models, coupons, share, served, step)
            self._add_shown(column, coupon, events, shares, confidence)
        self.found.open_events.update(serving_input.open.places[serving_input.is_candidate].tolist())
        for (event, _), mask, row in zip(targets, candidates, ranks, strict=True):
            self.found.cases.append(
                TestedCase(
                    coupon.timestamp,
                    coupon.user_id,
                    int(np.count_nonzero(mask)),
                    self.state.coupon_counts[coupon.user_id],
                    int(self.state.event_counts[event]),
                    tuple(row.tolist()),
                )
            )

    def _add_slip(self, column: int, scores: Scores, serving_input: ServingInput) -> tuple[list[int], list[float]]:
        """Count the slip. Returns its events as places in the history, for a calibrated recommender those of the
        longest slip, and their shares."""
        rules, is_calibrated = serving_input.rules, column in self._calibrated
        longer = replace(rules, limit=max(rules.limit, LONGEST)) if is_calibrated else rules
        places = slip.choose(serving_input.offer, scores, longer)
        shares = slip.shares_of(serving_input.offer, scores, rules, places).tolist() if is_calibrated else []
        events: list[int] = serving_input.open.places[places].tolist()
        served = events[: rules.limit]
        invalid = count_rule_violations(self.state, served, serving_input.chosen)
        diversity = intra_list_diversity(serving_input.offer, places[: rules.limit])
        self.found.slips[column].add(served, invalid, diversity)
        return events, shares


def _first_fit(plan: ReplayPlan, first_tested: int) -> int:
    """The number of the coupon before which models are first fitted."""
    if plan.fit_first is None:
        return first_tested
    if plan.fit_first > first_tested:
        known = f"only {first_tested} coupons precede the tested ones; choose a lower number"
        raise InvalidConfiguration(f"Models can't be fitted to the first {plan.fit_first} coupons: {known}")
    return plan.fit_first


def served_scores(recommender: Recommender, serving_input: ServingInput, options: Options) -> Scores:
    """The scores of the recommender, or of its first fallback that applies."""
    _, answering = answering_recommender(recommender, serving_input, options)
    return answering.score(serving_input.context)


def answering_recommender(
    recommender: Recommender, serving_input: ServingInput, options: Options
) -> tuple[int, Recommender]:
    """The number of recommenders before the first that applies, of the recommender and its fallbacks, and that one."""
    context = serving_input.context
    if recommender.applies(context):
        return 0, recommender
    request = RecommendationRequest(0, recommender, datetime.fromtimestamp(context.now, UTC), options)
    return next((step, each) for step, each in enumerate(request.chain) if step and each.applies(context))


def rank_of(scores: Scores, candidates: Any, place: int) -> float:
    """The rank of the event at `place` among the candidates, from 1; ties have their expected rank."""
    own = scores[place]
    mine = scores[candidates]
    equal = int(np.count_nonzero(mine == own))
    return 1.0 + int(np.count_nonzero(mine > own)) + (equal - 1) / 2.0

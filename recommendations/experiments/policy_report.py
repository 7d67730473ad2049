"""Estimates of another recommender for the last event of a slip, from the answers of an experiment that explores."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from recommendations.errors import ExperimentConflict, InvalidConfiguration, InvalidExperiment
from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.errors import TooFewAnswers
from recommendations.experiments.statistics.off_policy import (
    FEWEST_EFFECTIVE,
    Estimate,
    LoggedAnswers,
    OffPolicyEstimates,
    effective_answers,
    estimate_policy,
)
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import get_recommender
from recommendations.replay.casino_history import casino_history
from recommendations.replay.past_choices import PastAnswer, past_choices
from recommendations.serving.experiments.running import options_of_variant
from recommendations.serving.options import Options, load_options
from tenants.models import Casino, Experiment, ExperimentState

from .logged_draws import LoggedDraw, read_draws
from .run import run_of

_OPTIONS = frozenset({"fallbacks"})  # other options would change the rest of the logged slips
_DAY = timedelta(days=1)
_Known = Sequence[tuple[LoggedDraw, int]]  # with the index of the candidate that the policy chooses


@dataclass(frozen=True, slots=True)
class Policy:
    """The recommender, with its options, that chooses the last event of a slip among its candidates."""

    name: str
    recommender: Recommender
    options: Options


class PolicyReport(msgspec.Struct, frozen=True):
    """The share of answers whose last event is bet on: `as_ranked` with the best candidate, and with the policy by
    three estimators; null below 1,000 effective answers. `left_out`: answers with candidates that are not open by the
    casino's history, and answers earlier than the coupons that are read. `days_left`: days until there are enough
    answers, at the pace so far; null if unknown or over."""

    name: str
    policy: str
    answers: int
    left_out: int
    effective_answers: float
    sentence: str
    days_left: float | None = None
    as_ranked: Estimate | None = None
    ips: Estimate | None = None
    self_normalised: Estimate | None = None
    doubly_robust: Estimate | None = None


class _PolicyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A variant; its share is ignored."""

    name: str = ""
    share: float | None = None
    recommender_type: str | None = None
    options: dict[str, Any] = {}


def parse_policy(raw: object, casino: Casino) -> Policy:
    """Parse a recommender's name, or a variant as in an experiment's definition. Raises InvalidExperiment."""
    try:
        given = _PolicyFile(recommender_type=raw) if isinstance(raw, str) else msgspec.convert(raw, _PolicyFile)
        if fixed := sorted(given.options.keys() - _OPTIONS):
            raise ValueError(f"the options {', '.join(fixed)} can't be estimated: leave them out; fallbacks can")
        recommender = get_recommender(given.recommender_type or casino.recommender_type)
        options = options_of_variant(casino.options, given.options)
    except (msgspec.ValidationError, InvalidConfiguration, ValueError) as error:
        raise InvalidExperiment(f"policy: {error}") from error
    return Policy(given.name or recommender.name, recommender, options)


def report_on_policy(experiment: Experiment, policy: Policy, now: datetime) -> PolicyReport:
    """The report of a policy from the current casino's experiment at `now`. Raises ExperimentConflict for an experiment
    that has not begun, or does not explore."""
    run = run_of(experiment, now)
    if not run.definition.explore:
        raise ExperimentConflict(f"{experiment} does not explore: start one with explore above 0")
    # later answers may still be bet on
    until = min(now - timedelta(hours=load_options(experiment.casino.options).attribution_hours), run.at)
    draws = read_draws(experiment.name, run.starts_at, until)
    history = casino_history(casino_id=experiment.casino_id, until=until, events_since=run.starts_at)
    answers = [PastAnswer(each.user_id, each.timestamp, each.candidates) for each in draws]
    choices = past_choices(history, answers, policy.recommender, policy.options)
    known = [(draw, choice) for draw, choice in zip(draws, choices, strict=True) if choice is not None]
    days = None if run.state is ExperimentState.STOPPED else (until - run.starts_at) / _DAY
    return _report(experiment, policy, known, left_out=len(draws) - len(known), days=days)


def _report(
    experiment: Experiment, policy: Policy, known: _Known, *, left_out: int, days: float | None
) -> PolicyReport:
    """`days`: number of days with answers; None if the experiment is over."""
    logged = _logged(known)
    effective = effective_answers(logged)
    report = PolicyReport(experiment.name, policy.name, len(known), left_out, round(effective, 1), sentence="")
    found, as_ranked = _estimate(logged), _estimate(_logged([(draw, 0) for draw, _ in known]))
    if found is None:
        left = days * (FEWEST_EFFECTIVE / effective - 1) if effective and days is not None else None
        return msgspec.structs.replace(report, days_left=left, sentence=_too_few(report, left))
    return msgspec.structs.replace(
        report,
        as_ranked=None if as_ranked is None else as_ranked.doubly_robust,
        ips=found.ips,
        self_normalised=found.self_normalised,
        doubly_robust=found.doubly_robust,
        sentence=_sentence(policy, found.doubly_robust, as_ranked),
    )


def _estimate(logged: LoggedAnswers) -> OffPolicyEstimates | None:
    """The estimates; None below 1,000 effective answers."""
    try:
        return estimate_policy(logged)
    except TooFewAnswers:
        return None


def _logged(known: _Known) -> LoggedAnswers:
    """The answers with predicted rewards: the mean reward of the draws with the same rank among the candidates."""
    drawn = np.array([draw.candidates.index(draw.drawn) for draw, _ in known], dtype=np.int64)
    chosen = np.array([choice for _, choice in known], dtype=np.int64)
    rewards = np.array([float(draw.is_bet_on) for draw, _ in known])
    means = _means_of_places(drawn, rewards, places=max((len(draw.candidates) for draw, _ in known), default=0))
    return LoggedAnswers(
        users=np.array([draw.user_id for draw, _ in known], dtype=np.int64),
        rewards=rewards,
        propensities=np.array([draw.propensity for draw, _ in known], dtype=np.float64),
        target=(drawn == chosen).astype(np.float64),
        predicted=means[drawn],
        predicted_target=means[chosen],
    )


def _means_of_places(drawn: npt.NDArray[np.int64], rewards: Floats, places: int) -> Floats:
    numbers, sums = np.bincount(drawn, minlength=places), np.bincount(drawn, rewards, minlength=places)
    overall = rewards.mean() if rewards.size else 0.0
    means: Floats = np.where(numbers > 0, sums / np.maximum(numbers, 1), overall)
    return means


def _sentence(policy: Policy, found: Estimate, as_ranked: OffPolicyEstimates | None) -> str:
    compared = "" if as_ranked is None else f" As ranked: {_interval(as_ranked.doubly_robust)}."
    return f"With `{policy.name}` in the last place, {_interval(found)} of answers bring a bet on that event.{compared}"


def _too_few(report: PolicyReport, days_left: float | None) -> str:
    needed = f"{FEWEST_EFFECTIVE:,} are needed"
    more = needed if days_left is None else f"{needed}, which takes about {max(days_left, 1.0):,.0f} more days"
    return (
        f"The {report.answers:,} logged answers are worth {report.effective_answers:,.0f} answers of "
        f"`{report.policy}`: {more}."
    )


def _interval(found: Estimate) -> str:
    low, high = max(found.low, 0.0), min(found.high, 1.0)
    return f"{_percent(found.value)} (95 % confidence interval: {_percent(low)} to {_percent(high)})"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"

"""Off-policy estimates: another policy's reward, from answers that were drawn with logged probabilities."""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from .boundary import ALPHA, Floats
from .errors import TooFewAnswers

FEWEST_EFFECTIVE = 1_000  # answers; with fewer, intervals cover the true value too rarely


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean reward per answer, with its standard error and 95 % confidence interval."""

    value: float
    standard_error: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OffPolicyEstimates:
    """Inverse propensity scoring (Horvitz, Thompson 1952), the same divided by the mean weight (self-normalised:
    Swaminathan, Joachims 2015), and doubly robust (Dudik, Langford, Li 2011). `effective_answers`: (sum w)^2 / sum w^2
    (Kish 1965)."""

    ips: Estimate
    self_normalised: Estimate
    doubly_robust: Estimate
    effective_answers: float


@dataclass(frozen=True, slots=True)
class LoggedAnswers:
    """Arrays of shape (answers,), one entry per answer.

    `users`: the answer's user, a whole number. `rewards`: the reward of the shown event. `propensities`: the logged
    probability of showing it. `target`: the other policy's probability of showing it, 0 or 1 for a deterministic one.
    `predicted`: a model's reward for the shown event; `predicted_target`: its mean reward for the other policy's
    events. Without a model, both are the mean reward.
    """

    users: npt.NDArray[np.int64]
    rewards: Floats
    propensities: Floats
    target: Floats
    predicted: Floats | None = None
    predicted_target: Floats | None = None

    @property
    def weights(self) -> Floats:
        return self.target / self.propensities


def estimate_policy(logged: LoggedAnswers) -> OffPolicyEstimates:
    """The other policy's mean reward per answer. Variances are by users, since a user's answers are correlated.

    Raises TooFewAnswers below 1,000 effective answers, and ValueError for propensities outside (0, 1].
    """
    if not ((logged.propensities > 0) & (logged.propensities <= 1)).all():
        raise ValueError("Logged propensities must be above 0 and at most 1: leave out answers without one.")
    weights, effective = logged.weights, effective_answers(logged)
    if effective < FEWEST_EFFECTIVE:
        raise TooFewAnswers(
            f"The logged answers are worth {effective:,.0f} answers of the other policy; {FEWEST_EFFECTIVE:,} are "
            f"needed. Log more answers, or explore more."
        )
    owners = np.unique(logged.users, return_inverse=True)[1]
    mean = np.full_like(logged.rewards, logged.rewards.mean())
    predicted = mean if logged.predicted is None else logged.predicted
    target_mean = mean if logged.predicted_target is None else logged.predicted_target
    normalised = float((weights * logged.rewards).sum() / weights.sum())
    residuals = weights * (logged.rewards - normalised) / weights.mean()
    return OffPolicyEstimates(
        ips=_mean(weights * logged.rewards, owners),
        self_normalised=_mean(residuals, owners, around=normalised),
        doubly_robust=_mean(target_mean + weights * (logged.rewards - predicted), owners),
        effective_answers=effective,
    )


def effective_answers(logged: LoggedAnswers) -> float:
    """The number of the other policy's own answers with the same information."""
    weights = logged.weights
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def _mean(values: Floats, owners: npt.NDArray[np.int64], around: float = 0.0) -> Estimate:
    """The mean plus `around`, with a standard error from the sums of users."""
    mean = float(values.mean())
    user_sums = np.bincount(owners, values - mean)
    error = float(np.sqrt((user_sums**2).sum())) / len(values)
    half = NormalDist().inv_cdf(1 - ALPHA / 2) * error
    return Estimate(around + mean, error, around + mean - half, around + mean + half)

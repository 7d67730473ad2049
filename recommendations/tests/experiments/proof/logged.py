"""Logged answers of which a tenth was drawn at random, and the truth about another policy."""

import numpy as np

from recommendations.experiments.statistics.off_policy import Estimate, LoggedAnswers, estimate_policy

EXPLORED, CANDIDATES, ANSWERS, ANSWERS_PER_USER = 0.1, 5, 40_000, 6


def covers_the_truth(rng: np.random.Generator) -> dict[str, bool]:
    """Whether each estimator's interval has the other policy's true mean reward. A user's answers are correlated."""
    users = rng.integers(0, ANSWERS // ANSWERS_PER_USER, ANSWERS)
    rates = rng.beta(1.2, 13.8, ANSWERS // ANSWERS_PER_USER)[users]
    appeal = rng.gamma(0.5, 2.0, (ANSWERS, CANDIDATES))
    chances = np.minimum(rates[:, np.newaxis] * appeal, 1.0)
    shown_now = (appeal + rng.gamma(0.5, 2.0, appeal.shape)).argmax(axis=1)
    other = (appeal + rng.gamma(0.5, 1.4, appeal.shape)).argmax(axis=1)

    rows = np.arange(ANSWERS)
    is_explored = rng.random(ANSWERS) < EXPLORED
    shown = np.where(is_explored, rng.integers(0, CANDIDATES, ANSWERS), shown_now)
    logged = LoggedAnswers(
        users=users,
        rewards=(rng.random(ANSWERS) < chances[rows, shown]).astype(np.float64),
        propensities=np.where(shown == shown_now, 1 - EXPLORED, 0.0) + EXPLORED / CANDIDATES,
        target=(shown == other).astype(np.float64),
    )
    found, truth = estimate_policy(logged), float(chances[rows, other].mean())
    return {
        "IPS": _covers(found.ips, truth),
        "self-normalised": _covers(found.self_normalised, truth),
        "doubly robust": _covers(found.doubly_robust, truth),
    }


def _covers(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high

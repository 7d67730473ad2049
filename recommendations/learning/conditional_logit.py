"""Conditional logit: of what was open, how likely was what was bet on?"""

from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats

from .cases import Cases

PRIOR_CASES = 10.0  # how many cases the prior weights count as
_STEPS = 40
_CLOSE = 1e-5
_MOST_HALVINGS = 20


def fit_weights(cases: Cases, columns: np.ndarray[Any, Any], prior: Floats) -> Floats:
    """The weights of `columns` that make what was chosen most likely, P(i) = exp(w x_i) / sum_j exp(w x_j)
    (McFadden 1974), less a penalty on what differs from `prior`, both in standard deviations of the features.

    Newton's method, each step halved until it is one for the better. Without cases it is the prior.
    """
    if not len(cases):
        return prior.copy()
    numbers = cases.numbers[:, columns].astype(np.float64)
    spread = _spread_within(numbers, cases)
    scale = np.where(spread > 0, spread, 1.0)
    problem = _Problem(numbers / scale, cases, prior * scale, spread > 0)
    return problem.solve() / scale


def _spread_within(numbers: Floats, cases: Cases) -> Floats:
    """The features' standard deviation within cases: what is equal for all candidates decides nothing."""
    means = np.add.reduceat(numbers, cases.starts) / cases.sizes[:, np.newaxis]
    deviations = numbers - means[cases.owners]
    spread: Floats = np.sqrt((deviations**2).mean(axis=0))
    return np.where(spread > 1e-9, spread, 0.0)


class _Problem:
    def __init__(self, numbers: Floats, cases: Cases, prior: Floats, is_free: Any) -> None:
        self._numbers, self._cases, self._prior = numbers, cases, prior
        self._penalty = np.where(is_free, PRIOR_CASES, 1e6)
        self._owners = cases.owners

    def solve(self) -> Floats:
        weights = self._prior.copy()
        loss, shares = self._loss(weights)
        for _ in range(_STEPS):
            step = self._step(weights, shares)
            for _ in range(_MOST_HALVINGS):
                new_loss, new_shares = self._loss(weights + step)
                if new_loss <= loss:
                    break
                step = step / 2
            else:
                return weights
            weights, loss, shares = weights + step, new_loss, new_shares
            if np.abs(step).max(initial=0.0) < _CLOSE:
                break
        return weights

    def _loss(self, weights: Floats) -> tuple[float, Floats]:
        """The negative log-likelihood with the penalty, and each row's probability."""
        starts, owners = self._cases.starts, self._owners
        scores = self._numbers @ weights
        scores -= np.maximum.reduceat(scores, starts)[owners]
        exponentials = np.exp(scores)
        totals = np.add.reduceat(exponentials, starts)
        likelihood = float((scores[starts] - np.log(totals)).sum())
        away = weights - self._prior
        return -likelihood + 0.5 * float(self._penalty @ away**2), exponentials / totals[owners]

    def _step(self, weights: Floats, shares: Floats) -> Floats:
        starts = self._cases.starts
        weighed = self._numbers * shares[:, np.newaxis]
        means = np.add.reduceat(weighed, starts)
        gradient = (self._numbers[starts] - means).sum(axis=0) - self._penalty * (weights - self._prior)
        curvature = self._numbers.T @ weighed - means.T @ means + np.diag(self._penalty)
        step: Floats = np.linalg.solve(curvature, gradient)
        return step

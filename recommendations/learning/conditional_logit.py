"""Conditional logit: the probability of the chosen event among the open ones."""

from typing import Any

import numpy as np

from recommendations.offer.arrays import Floats

from .cases import Cases

PRIOR_CASES = 10.0  # how many cases the prior weights count as
_STEPS = 40
_TOLERANCE = 1e-5
_MAX_HALVINGS = 20


def fit_weights(cases: Cases, columns: np.ndarray[Any, Any], prior: Floats) -> Floats:
    """The weights of `columns` that maximize the likelihood of the chosen events, P(i) = exp(w x_i) / sum_j exp(w x_j)
    (McFadden 1974), with an L2 penalty on the difference from `prior`, in standard deviations of the features.

    Newton's method with step halving. Without cases the result is the prior.
    """
    if not len(cases):
        return prior.copy()
    numbers = cases.numbers[:, columns].astype(np.float64)
    spread = _spread_within(numbers, cases)
    scale = np.where(spread > 0, spread, 1.0)
    problem = _PenalizedLogit(numbers / scale, cases, prior * scale, spread > 0)
    return problem.solve() / scale


def _spread_within(numbers: Floats, cases: Cases) -> Floats:
    """The features' standard deviation within cases: a feature that is equal for all candidates has no effect."""
    means = np.add.reduceat(numbers, cases.starts) / cases.sizes[:, np.newaxis]
    deviations = numbers - means[cases.owners]
    spread: Floats = np.sqrt((deviations**2).mean(axis=0))
    return np.where(spread > 1e-9, spread, 0.0)


class _PenalizedLogit:
    def __init__(self, numbers: Floats, cases: Cases, prior: Floats, is_free: Any) -> None:
        self._numbers, self._cases, self._prior = numbers, cases, prior
        self._penalty = np.where(is_free, PRIOR_CASES, 1e6)
        self._owners = cases.owners

    def solve(self) -> Floats:
        weights = self._prior.copy()
        loss, shares = self._loss(weights)
        for _ in range(_STEPS):
            step = self._step(weights, shares)
            for _ in range(_MAX_HALVINGS):
                new_loss, new_shares = self._loss(weights + step)
                if new_loss <= loss:
                    break
                step = step / 2
            else:
                return weights
            weights, loss, shares = weights + step, new_loss, new_shares
            if np.abs(step).max(initial=0.0) < _TOLERANCE:
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
        difference = weights - self._prior
        return -likelihood + 0.5 * float(self._penalty @ difference**2), exponentials / totals[owners]

    def _step(self, weights: Floats, shares: Floats) -> Floats:
        starts = self._cases.starts
        weighted = self._numbers * shares[:, np.newaxis]
        means = np.add.reduceat(weighted, starts)
        gradient = (self._numbers[starts] - means).sum(axis=0) - self._penalty * (weights - self._prior)
        hessian = self._numbers.T @ weighted - means.T @ means + np.diag(self._penalty)
        step: Floats = np.linalg.solve(hessian, gradient)
        return step

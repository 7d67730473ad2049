"""Conditional logit: the probability of the chosen event among the open ones."""

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np

from recommendations.offer.arrays import Floats, Places

from .cases import Cases

STRENGTHS = (30.0, 100.0, 300.0, 1_000.0, 3_000.0, 30_000.0)
VALIDATED_CASES, VALIDATED_CANDIDATES = 1_500, 20  # the latest cases, and the candidates of each
_PARTS = 5  # in chronological order; each but the first is predicted by weights fitted to those before
_STEPS = 40
_TOLERANCE = 1e-5
_MAX_HALVINGS = 20


def fit_weights(cases: Cases, columns: Places, prior: Floats, strength: float) -> Floats:
    """The weights of `columns` that maximize the likelihood of the chosen events, P(i) = exp(w x_i) / sum_j exp(w x_j)
    (McFadden 1974), with an L2 penalty on the difference from `prior`, in standard deviations of the features.
    `strength` is the number of cases that the prior counts as.

    Newton's method with step halving. Without cases the result is the prior.
    """
    return _Scaled(cases, columns).fit(prior, strength)


def choose_prior(cases: Cases, columns: Places, priors: Sequence[Floats]) -> tuple[int, float]:
    """The index of the prior, and its strength, with the best progressive likelihood (Dawid 1984): each part of the
    cases is predicted by weights fitted to the parts before. Uses the latest `VALIDATED_CASES` cases, with
    `VALIDATED_CANDIDATES` candidates each. Among equals, the first prior and the largest strength are chosen."""
    latest = cases.part(max(len(cases) - VALIDATED_CASES, 0), len(cases)).thinned(VALIDATED_CANDIDATES)
    bounds = np.linspace(0, len(latest), _PARTS + 1).round().astype(int).tolist()
    borders = pairwise(bounds[1:])
    parts = [(_Scaled(latest.part(0, begin), columns), latest.part(begin, end)) for begin, end in borders]

    def likelihood(choice: tuple[int, float]) -> float:
        place, strength = choice
        fits = ((before.fit(priors[place], strength), after) for before, after in parts)
        return sum(_log_likelihood(after.numbers[:, columns] @ weights, after)[0] for weights, after in fits)

    return max(product(range(len(priors)), reversed(STRENGTHS)), key=likelihood)


class _Scaled:
    """Cases whose features are in standard deviations, for fits with several priors and strengths."""

    def __init__(self, cases: Cases, columns: Places) -> None:
        self._cases = cases
        if len(cases):
            numbers = cases.numbers[:, columns].astype(np.float64)
            self._varies = (spread := _spread_within(numbers, cases)) > 0
            self._scale = np.where(self._varies, spread, 1.0)
            self._numbers = numbers / self._scale

    def fit(self, prior: Floats, strength: float) -> Floats:
        if not len(self._cases):
            return prior.copy()
        penalty = np.where(self._varies, strength, 1e6)
        problem = _PenalizedLogit(self._numbers, self._cases, prior * self._scale, penalty)
        return problem.solve() / self._scale


def _spread_within(numbers: Floats, cases: Cases) -> Floats:
    """The features' standard deviation within cases: a feature that is equal for all candidates has no effect."""
    means = np.add.reduceat(numbers, cases.starts) / cases.sizes[:, np.newaxis]
    deviations = numbers - means[cases.owners]
    spread: Floats = np.sqrt((deviations**2).mean(axis=0))
    return np.where(spread > 1e-9, spread, 0.0)


def _log_likelihood(scores: Floats, cases: Cases) -> tuple[float, Floats]:
    """The log-likelihood of the chosen rows, and each row's probability."""
    starts, owners = cases.starts, cases.owners
    scores = scores - np.maximum.reduceat(scores, starts)[owners]
    exponentials = np.exp(scores)
    totals = np.add.reduceat(exponentials, starts)
    return float((scores[starts] - np.log(totals)).sum()), exponentials / totals[owners]


class _PenalizedLogit:
    def __init__(self, numbers: Floats, cases: Cases, prior: Floats, penalty: Floats) -> None:
        self._numbers, self._cases, self._prior, self._penalty = numbers, cases, prior, penalty

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
        likelihood, shares = _log_likelihood(self._numbers @ weights, self._cases)
        difference = weights - self._prior
        return -likelihood + 0.5 * float(self._penalty @ difference**2), shares

    def _step(self, weights: Floats, shares: Floats) -> Floats:
        starts = self._cases.starts
        weighted = self._numbers * shares[:, np.newaxis]
        means = np.add.reduceat(weighted, starts)
        gradient = (self._numbers[starts] - means).sum(axis=0) - self._penalty * (weights - self._prior)
        hessian = self._numbers.T @ weighted - means.T @ means + np.diag(self._penalty)
        step: Floats = np.linalg.solve(hessian, gradient)
        return step

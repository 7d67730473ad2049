"""Fitting the calibration of confidence to past slips, by logistic regression."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from recommendations.offer.arrays import Floats
from recommendations.recommenders.calibration import LEAST_SHARE, Calibration, SlipWeights

LONGEST = 10  # events; longer slips have the weights of these
MIN_SLIPS = 100  # fewer give no calibration
MAX_SLIPS = 1_000  # the latest: how often users bet changes
_PRIOR = np.array([0.0, 0.5, 0.0])  # the weights of `SlipWeights` where nothing is known, with the penalty on others:
_STRENGTH = np.array([1.0, 30.0, 30.0])
_BOUNDS = [(None, None), (0.0, None), (None, None)]


def fit_calibration(coupons: Floats, shares: Floats, first_hits: Floats) -> Calibration | None:
    """The calibration of n slips in chronological order; None for fewer than `MIN_SLIPS`. `coupons` (n,) of each slip's
    user; `shares` (n, LONGEST) of its first 1, 2, .. events in the softmax of the scores; `first_hits` (n,): the
    number, from 1, of its first event that the user bet on within a day, else infinity."""
    if len(coupons) < MIN_SLIPS:
        return None
    experience = np.log1p(coupons[-MAX_SLIPS:])
    shares = shares[-MAX_SLIPS:].clip(LEAST_SHARE, 1 - LEAST_SHARE)
    hits = first_hits[-MAX_SLIPS:, np.newaxis] <= np.arange(1, LONGEST + 1)
    log_odds = np.log(shares / (1 - shares))
    return Calibration(
        tuple(_fit(np.stack([each, experience]), held) for each, held in zip(log_odds.T, hits.T, strict=True))
    )


def _fit(numbers: Floats, held: Floats) -> SlipWeights:
    """The weights that maximize the likelihood of `held` (n,) by the `numbers` (2, n), with an L2 penalty on the
    difference from the prior."""
    means = numbers.mean(axis=1)
    rows = np.vstack([np.ones(len(held)), numbers - means[:, np.newaxis]])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores, difference = weights @ rows, weights - _PRIOR
        likelihood = float(held @ scores - np.logaddexp(0.0, scores).sum())
        gradient = rows @ (expit(scores) - held) + _STRENGTH * difference
        return 0.5 * float(_STRENGTH @ difference**2) - likelihood, gradient

    constant, *others = minimize(loss, _PRIOR, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x.tolist()
    return SlipWeights(constant - float(np.dot(others, means)), *others)

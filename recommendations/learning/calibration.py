"""Fitting the calibration of confidence to past slips, by logistic regression."""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from recommendations.offer.arrays import Floats
from recommendations.recommenders.calibration import LEAST_SHARE, Calibration, SlipWeights

LONGEST = 10  # events; longer slips have the weights of these
MIN_SLIPS = 100  # fewer give no calibration
MAX_SLIPS = 1_000  # the latest, since users' betting frequency changes
_PRIOR = np.array([0.0, 0.5, 0.0])  # the weights of `SlipWeights` without data
_STRENGTH = np.array([1.0, 30.0, 30.0])  # the penalty on a difference from them
_BOUNDS = [(None, None), (0.0, None), (None, None)]


def fit_calibration(coupons: Floats, shares: Floats, first_hits: Floats) -> Calibration | None:
    """Fit the calibration to n slips in chronological order; None for fewer than `MIN_SLIPS`. `coupons` (n,): number of
    coupons of the slip's user. `shares` (n, LONGEST): share of the slip's first 1, 2, .. events in the softmax of the
    scores. `first_hits` (n,): rank, from 1, of the first event that the user bet on within a day; infinity if none."""
    if len(coupons) < MIN_SLIPS:
        return None
    experience = np.log1p(coupons[-MAX_SLIPS:])
    shares = shares[-MAX_SLIPS:].clip(LEAST_SHARE, 1 - LEAST_SHARE)
    hits = first_hits[-MAX_SLIPS:, np.newaxis] <= np.arange(1, LONGEST + 1)
    return Calibration(tuple(_fit(each, experience, held) for each, held in zip(shares.T, hits.T, strict=True)))


def _fit(shares: Floats, experience: Floats, held: Floats) -> SlipWeights:
    """The weights that maximize the likelihood of `held` (n,) by `shares` and `experience`, both (n,), with an L2
    penalty on the difference from the prior."""
    numbers = np.stack([np.log(shares / (1 - shares)), experience])
    means = numbers.mean(axis=1)
    rows = np.vstack([np.ones(len(held)), numbers - means[:, np.newaxis]])

    def loss(weights: Floats) -> tuple[float, Floats]:
        scores, difference = weights @ rows, weights - _PRIOR
        likelihood = float(held @ scores - np.logaddexp(0.0, scores).sum())
        gradient = rows @ (expit(scores) - held) + _STRENGTH * difference
        return 0.5 * float(_STRENGTH @ difference**2) - likelihood, gradient

    constant, by_share, by_coupons = minimize(loss, _PRIOR, jac=True, method="L-BFGS-B", bounds=_BOUNDS).x.tolist()
    constant -= float(means @ [by_share, by_coupons])
    return SlipWeights(constant, by_share, by_coupons, float(shares.min()), float(shares.max()))

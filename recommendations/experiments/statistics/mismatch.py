"""Sample ratio mismatch: a test of whether users entered the arms in the planned shares."""

from math import lgamma, log

import numpy as np

from .boundary import Floats

ALPHA = 0.01
_PRIOR_USERS = 1_000.0
_lgamma = np.vectorize(lgamma, otypes=[np.float64])


def log_evidence(users: Floats, shares: Floats) -> Floats:
    """The log of the e-value against the `shares`, for counts of `users` of shape (looks, arms): shape (looks,).

    The likelihood ratio of shares drawn around the planned ones (Dirichlet, worth 1,000 users) and the planned ones: a
    test that is valid at every look (Lindon, Malek 2022). Raises ValueError for shares that are not positive or don't
    add up to 1.
    """
    _check(users, shares)
    prior, total = _PRIOR_USERS * shares, users.sum(axis=-1)
    marginal = (
        lgamma(_PRIOR_USERS) - _lgamma(_PRIOR_USERS + total) + (_lgamma(prior + users) - _lgamma(prior)).sum(axis=-1)
    )
    evidence: Floats = marginal - (users * np.log(shares)).sum(axis=-1)
    return evidence


def is_mismatch(users: Floats, shares: Floats, alpha: float = ALPHA) -> bool:
    """Whether at any look the e-value exceeded 1 / alpha: then the arms can't be compared."""
    return bool((log_evidence(users, shares) > -log(alpha)).any())


def _check(users: Floats, shares: Floats) -> None:
    if users.shape[-1] != len(shares) or shares.min() <= 0 or abs(shares.sum() - 1) > 1e-9:
        raise ValueError(f"Shares must be positive, one per arm, and add up to 1; got {shares.tolist()}.")

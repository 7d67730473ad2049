"""Fitting the calibration of confidence to past slips, by isotonic regression."""

from itertools import pairwise

import numpy as np
from scipy.optimize import isotonic_regression

from recommendations.offer.arrays import Floats, Mask, Places
from recommendations.recommenders.calibration import Calibration

LONGEST = 10  # events; longer slips have the confidence of these
MIN_SLIPS = 100  # fewer give no calibration
MAX_SLIPS = 2_000  # the latest: how often users bet changes
_GROUPS = 10
_STRENGTHS = (20.0, 100.0, 300.0, 1_000.0, 1e9)  # of the share of all users, in slips of each group
_PARTS = 5  # of the slips in order of time: each but the first is predicted by those before
_TOLERANCE = 2.0  # standard errors


def fit_calibration(coupons: Floats, first_hits: Floats) -> Calibration | None:
    """The calibration of slips in chronological order; None for fewer than `MIN_SLIPS`. `coupons` of each slip's user;
    `first_hits`: the number, from 1, of the slip's first event that the user bet on within a day, else infinity.

    Of ten groups of slips by `coupons`, about equally large, each share is shrunk towards that of all, then made to
    rise by pooling adjacent violators (Barlow et al. 1972). So a user of whom nothing is known has at most the share of
    all. The shares are rounded to thousandths, as they are served.
    """
    coupons, hits = coupons[-MAX_SLIPS:], first_hits[-MAX_SLIPS:] <= np.arange(1, LONGEST + 1)[:, np.newaxis]
    if len(coupons) < MIN_SLIPS:
        return None
    bounds, groups = like_groups(coupons, _GROUPS)
    bounds[0] = 0.0
    shares = _shares(groups, hits, len(bounds), _choose_strength(groups, hits, len(bounds)))
    return Calibration(tuple(bounds.astype(int).tolist()), tuple(map(tuple, shares.round(3).tolist())))


def like_groups(values: Floats, number: int) -> tuple[Floats, Places]:
    """The n values in up to `number` groups of like ones, about equally large: from which value on each group is, and
    the group of each value, shape (n,). Equal values are in one group."""
    bounds = np.unique(np.quantile(values, np.arange(number) / number, method="lower"))
    return bounds, np.searchsorted(bounds, values, side="right") - 1


def _choose_strength(groups: Places, hits: Mask, number: int) -> float:
    """The strength with the best progressive Brier score (Dawid 1984): each part of the slips is predicted by those
    before. A stronger one is preferred if it is not worse by two standard errors: where coupons do not clearly tell
    something, all users have the share of all."""
    borders = np.linspace(0, len(groups), _PARTS + 1).round().astype(int).tolist()

    def losses(strength: float) -> Floats:
        parts = []
        for begin, end in pairwise(borders[1:]):
            shares = _shares(groups[:begin], hits[:, :begin], number, strength)
            parts.append(((shares[:, groups[begin:end]] - hits[:, begin:end]) ** 2).sum(axis=0))
        return np.concatenate(parts)

    of_strength = {strength: losses(strength) for strength in _STRENGTHS}
    best = min(of_strength.values(), key=np.sum)
    worse = {strength: each - best for strength, each in of_strength.items()}
    return max(s for s, each in worse.items() if each.mean() <= _TOLERANCE * each.std() / np.sqrt(len(each)))


def _shares(groups: Places, hits: Mask, number: int, strength: float) -> Floats:
    """The share of `hits` (events, slips) in each of the `number` groups, shape (events, groups)."""
    weights = np.bincount(groups, minlength=number) + strength
    rows = []
    for row in hits:
        shares = (np.bincount(groups, row, number) + strength * row.mean()) / weights
        rows.append(isotonic_regression(shares, weights=weights).x.clip(0.0, 1.0))
    rising: Floats = np.maximum.accumulate(rows)  # as they are but for rounding errors
    return rising

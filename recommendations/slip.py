"""The one gate between a recommender's scores and a user: only what may be shown gets into a slip."""

from datetime import datetime
from typing import Any

import numpy as np

from .offer import Mask, Offer


def eligible(offer: Offer, now: datetime) -> Mask:
    """Which events may be shown at `now`: those that have not begun and whose odd pays more than the stake."""
    has_not_begun = np.greater(offer.begins, now.timestamp())
    has_valid_odd = np.isfinite(offer.odds) & np.greater(offer.odds, 1.0)
    may_be_shown: Mask = has_not_begun & has_valid_odd
    return may_be_shown


def choose(offer: Offer, scores: np.ndarray[Any, Any], now: datetime, limit: int) -> list[int]:
    """The places in `offer` of the `limit` best-scored events that may be shown, best first, each once.

    Equal scores go by id. Where fewer are eligible the slip is shorter; it is never filled with others.
    `scores` has shape (n,); NaN counts as the lowest.
    """
    if scores.shape != (len(offer),):
        raise ValueError(f"A recommender must give {len(offer)} scores, one an event; it gave shape {scores.shape}.")
    places = np.flatnonzero(eligible(offer, now))
    order = np.argsort(-np.nan_to_num(scores[places], nan=-np.inf), kind="stable")
    return [int(place) for place in places[order[:limit]]]

"""Collaborative filtering: fitting user vectors to the pairs of user and event."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags

from recommendations.offer.arrays import Floats
from recommendations.recommenders.hybrid_features.user_vectors import UserVectors

WIDTH = 32
MAX_USERS = 20_000  # with the latest bets
MAX_BETS = 500_000  # the latest
_MIN_SIZE = 3  # users, and events
_NEGLIGIBLE = 1e-6  # share of the largest singular value, below which one is a rounding error

_SEED, _ITERATIONS, _OVERSAMPLING = 1, 4, 10  # of the random projections

UserEvent = tuple[int, int]  # user, event


def fit_user_vectors(bets: Sequence[UserEvent]) -> UserVectors | None:
    """The users' vectors, U S of the truncated singular value decomposition of users by events: each bet counts
    1 / sqrt(1 + bets on the event), and each user's row has a length below 1. None for fewer than 3 users or events.

    `bets` are in chronological order.
    """
    latest = list(dict.fromkeys(reversed(bets[-MAX_BETS:])))
    users = sorted(list(dict.fromkeys(user for user, _ in latest))[:MAX_USERS])
    events = sorted({event for _, event in latest})
    if min(len(users), len(events)) < _MIN_SIZE:
        return None
    found = _decompose(_matrix(latest, users, events))
    vectors = np.zeros((len(users), WIDTH), dtype=np.float32)
    vectors[:, : found.shape[1]] = found
    return UserVectors(np.array(users, dtype=np.int64), vectors)


def _decompose(matrix: csr_matrix) -> Floats:
    """U S of the first `WIDTH` singular values, by random projections (Halko, Martinsson, Tropp 2011) with a fixed
    seed."""
    width = min(WIDTH + _OVERSAMPLING, *matrix.shape)
    basis, _ = np.linalg.qr(matrix @ np.random.default_rng(_SEED).normal(size=(matrix.shape[1], width)))
    for _ in range(_ITERATIONS):
        back, _ = np.linalg.qr(matrix.T @ basis)
        basis, _ = np.linalg.qr(matrix @ back)
    left, sizes, _ = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    sizes = np.where(sizes > _NEGLIGIBLE * sizes.max(initial=0.0), sizes, 0.0)
    vectors: Floats = (basis @ left * sizes)[:, :WIDTH]
    return vectors


def _matrix(bets: Sequence[UserEvent], users: Sequence[int], events: Sequence[int]) -> csr_matrix:
    user_places = {user: place for place, user in enumerate(users)}
    event_places = {event: place for place, event in enumerate(events)}
    known = [(user_places[user], event_places[event]) for user, event in bets if user in user_places]
    rows, columns = np.array(known).T
    matrix = csr_matrix((np.ones(len(known)), (rows, columns)), shape=(len(users), len(events)))
    matrix = matrix @ diags(1.0 / np.sqrt(np.asarray(matrix.sum(axis=0)).ravel() + 1.0))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel() + 0.5)
    return diags(1.0 / lengths) @ matrix

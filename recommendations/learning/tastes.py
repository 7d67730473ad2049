"""Who bets as whom, out of who bet on which event."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds

from recommendations.recommenders.tastes import Tastes

WIDTH = 32
MOST_USERS = 20_000  # those who bet last
MOST_BETS = 500_000  # the latest
_LEAST = 3  # users, and events
_NEGLIGIBLE = 1e-6  # of the largest singular value: what is less is rounding

Bet = tuple[int, int]  # user, event


def fit_tastes(bets: Sequence[Bet]) -> Tastes | None:
    """The users' vectors, U S of the truncated singular value decomposition of users by events: each bet counts
    1 / sqrt(1 + bets on the event), and each user's row has a length below 1. None if there is too little.

    `bets` in the order of time.
    """
    latest = list(dict.fromkeys(reversed(bets[-MOST_BETS:])))
    users = sorted(list(dict.fromkeys(user for user, _ in latest))[:MOST_USERS])
    events = sorted({event for _, event in latest})
    width = min(WIDTH, len(users) - 1, len(events) - 1)
    if width < _LEAST - 1:
        return None
    left, sizes, _ = svds(_matrix(latest, users, events), k=width, v0=np.ones(min(len(users), len(events))))
    vectors = np.zeros((len(users), WIDTH), dtype=np.float32)
    vectors[:, :width] = left * np.where(sizes > _NEGLIGIBLE * sizes.max(), sizes, 0.0)
    return Tastes(np.array(users, dtype=np.int64), vectors)


def _matrix(bets: Sequence[Bet], users: Sequence[int], events: Sequence[int]) -> csr_matrix:
    user_places = {user: place for place, user in enumerate(users)}
    event_places = {event: place for place, event in enumerate(events)}
    known = [(user_places[user], event_places[event]) for user, event in bets if user in user_places]
    rows, columns = np.array(known).T
    matrix = csr_matrix((np.ones(len(known)), (rows, columns)), shape=(len(users), len(events)))
    matrix = matrix @ diags(1.0 / np.sqrt(np.asarray(matrix.sum(axis=0)).ravel() + 1.0))
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel() + 0.5)
    return diags(1.0 / lengths) @ matrix

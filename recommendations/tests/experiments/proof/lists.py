"""Two made-up recommenders that each list three events, and users who want one event each time."""

from dataclasses import dataclass

import numpy as np

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.moments import Ints

from .world import Bools

CANDIDATES, PLACES = 20, 3
HITS = 0.30  # how often list a has the wanted event, with an error of 2.5


@dataclass(frozen=True, slots=True)
class Recommenders:
    """The errors of both lists' scores, and the share of the error that both have in common (0 to 1)."""

    error_a: float
    error_b: float
    shared_error: float


@dataclass(frozen=True, slots=True)
class Lists:
    """A row per wanted bet: both lists of events, best first, of shape (bets, places), and the wanted event."""

    a: Ints
    b: Ints
    wanted: Ints

    @property
    def hits_a(self) -> Bools:
        hits: Bools = (self.a == self.wanted[:, np.newaxis]).any(axis=1)
        return hits

    @property
    def hits_b(self) -> Bools:
        hits: Bools = (self.b == self.wanted[:, np.newaxis]).any(axis=1)
        return hits


def draw_lists(rng: np.random.Generator, bets: int, recommenders: Recommenders) -> Lists:
    """Events differ in appeal; a user wants one with a probability that grows with it, and both recommenders see the
    appeal with an error."""
    appeal = rng.normal(size=(bets, CANDIDATES))
    wanted = (2 * appeal + rng.gumbel(size=appeal.shape)).argmax(axis=1)
    common, share = rng.normal(size=appeal.shape), recommenders.shared_error
    own = [np.sqrt(share) * common + np.sqrt(1 - share) * rng.normal(size=appeal.shape) for _ in range(2)]
    return Lists(_best(appeal + recommenders.error_a * own[0]), _best(appeal + recommenders.error_b * own[1]), wanted)


def _best(scores: Floats) -> Ints:
    return np.argsort(-scores, axis=1)[:, :PLACES]

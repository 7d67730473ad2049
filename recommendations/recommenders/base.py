"""What a recommender is, and what it is told about a user."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar

import numpy as np

from recommendations.offer import Offer

Scores = np.ndarray[Any, np.dtype[np.float64]]
Pair = tuple[str, str]


class Knowledge(Enum):
    """Parts of a profile that cost something to find out; a recommender names those it needs."""

    FAVORITE_PAIRS = auto()
    TOP_VALUES = auto()


@dataclass(frozen=True, slots=True)
class Profile:
    """One user. `favorite_pairs`: up to 20 (sport, league), best first. `top_values`: attribute -> its one or two most
    frequent values in the user's coupons, the most frequent first."""

    country: str = ""
    favorite_sport: str = ""
    favorite_pairs: tuple[Pair, ...] = ()
    top_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Recommender(ABC):
    """One algorithm. Subclasses set `name` (as in `recommender_type`, the file and the class) and `needs`.

    A recommender only scores: which events may be shown is `slip.py`'s decision. It gets neither clock nor database,
    and takes its randomness from `rng`, so that the same question gets the same answer.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[Knowledge]] = frozenset()

    @abstractmethod
    def score(self, offer: Offer, profile: Profile, rng: np.random.Generator) -> Scores:
        """A score for each of the offer's n events, shape (n,); the highest win. Raises nothing for an empty offer or
        profile."""

"""What a recommender is, and what it is told about a user."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar

import numpy as np

from recommendations.offer import Offer
from recommendations.offer.arrays import Floats, blocks
from recommendations.tallies.selections import RecentSelection
from recommendations.tallies.trends import NO_TRENDS, Trends

Scores = Floats
Pair = tuple[str, str]
Tally = Mapping[str, Mapping[str, float]]


class ProfilePart(Enum):
    """Parts of a profile that cost something to find out; a recommender names those it needs."""

    FAVORITE_PAIRS = auto()
    TOP_VALUES = auto()
    TALLIES = auto()  # `counts` and `weights`


@dataclass(frozen=True, slots=True)
class Profile:
    """One user. `favorite_pairs`: up to 20 (sport, league), best first. `top_values`: attribute -> its one or two most
    frequent values in the user's coupons, the most frequent first.

    `counts` and `weights`: attribute -> value -> how many selections, and how many with a half-life of 30 days.
    `recent`: the latest selections, the newest last.
    """

    country: str = ""
    favorite_sport: str = ""
    favorite_pairs: tuple[Pair, ...] = ()
    top_values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts: Tally = field(default_factory=dict)
    weights: Tally = field(default_factory=dict)
    recent: Sequence[RecentSelection] = ()


NOBODY = Profile()
_SPLITMIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """A request to a recommender: which of the `offer`'s events, for the user of this `profile`, at `now`?

    `now` is Unix seconds, and so is `hour`, the full hour before: scores go by that, so that they hold for an hour.
    `seed` is the request's own; `models`: recommender -> what was fitted for it and this casino; `kept` is room for
    what scores and reasons share. `user_id` is 0 for nobody in particular.
    """

    offer: Offer
    profile: Profile = NOBODY
    now: float = 0.0
    hour: float = 0.0
    seed: tuple[int, ...] = (0,)
    trends: Trends = NO_TRENDS
    models: Mapping[str, Any] = field(default_factory=dict)
    kept: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)
    user_id: int = 0

    def chance(self) -> Scores:
        """A number from 0 to 1 for each event, shape (n,), the caller's own; the same for the same request and event,
        whatever else is in the offer. SplitMix64 (Steele, Lea, Flood 2014) of the event's id and the seed."""
        [key] = np.random.SeedSequence(self.seed).generate_state(1, np.uint64)
        ids, scores = self.offer.ids.view(np.uint64), np.empty(len(self.offer))
        for block in blocks(ids.size):
            mixed = ids[block] ^ key
            mixed *= np.uint64(0x9E3779B97F4A7C15)
            for shift, factor in _SPLITMIX:
                mixed ^= mixed >> shift
                mixed *= factor
            mixed ^= mixed >> np.uint64(31)
            np.multiply(mixed >> np.uint64(11), 2.0**-53, out=scores[block])
        return scores


def soonest_first(offer: Offer) -> Scores:
    """Scores so small that they only decide between equals, for what begins next; shape (n,), not to be changed."""
    kept = offer.memo.get("soonest first")
    if kept is None:
        kept = offer.memo["soonest first"] = -1e-13 * offer.begins
    scores: Scores = kept
    return scores


class Recommender(ABC):
    """One algorithm. Subclasses set `name` (as in `recommender_type`, the file and the class) and `needs`.

    A recommender only scores: which events may be shown is `slip.py`'s decision. It gets neither clock nor database,
    and takes its randomness from the context, so that the same request gets the same answer.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[ProfilePart]] = frozenset()

    def applies(self, context: ScoringContext) -> bool:
        """Whether it has anything to go by. If not, the next of the fallbacks is asked."""
        return True

    @abstractmethod
    def score(self, context: ScoringContext) -> Scores:
        """A score for each of the offer's n events, shape (n,); the highest win. Raises nothing for an empty offer or
        profile."""

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """Sentences, addressed to the user, that say why the event at `place` of the offer was scored high; the
        weightiest first. None, where chance or the offer's order decided."""
        return []

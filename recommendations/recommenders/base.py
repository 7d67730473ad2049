"""The interface of recommenders, and their inputs."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from enum import StrEnum, auto
from functools import lru_cache
from operator import call, is_
from typing import Any, ClassVar, Protocol, Self, TypeVar
from weakref import ref

import msgspec
import numpy as np

from recommendations.errors import UnreadableModel
from recommendations.offer import MemoKey, Offer
from recommendations.offer.arrays import BLOCK, Floats
from recommendations.tallies.outcome_bets import OutcomeBet
from recommendations.tallies.selections import NO_SEQUENCE, BetSequence, RecentSelection
from recommendations.tallies.trends import NO_TRENDS, Trends

from .calibration import Calibration

Scores = Floats
Tally = Mapping[str, Mapping[str, float]]
Model = TypeVar("Model")
Source = TypeVar("Source")
T = TypeVar("T")


class ProfilePart(StrEnum):  # members are str, which are hashed without a Python call
    """Parts of a profile that take time to compute. A recommender names the parts that it needs."""

    FAVORITE_PAIRS = auto()
    TOP_VALUES = auto()
    TALLIES = auto()  # `counts` and `weights`
    SEQUENCE = auto()  # and the counts of all users' sequences of bets
    RECENT = auto()  # for reasons only


class LazyTally(Mapping[str, Mapping[str, float]]):
    """A tally that is computed when it is read. Most requests read only memos derived from it."""

    def __init__(self, read: Callable[[], Tally]) -> None:
        self._read = read

    def __getitem__(self, attribute: str) -> Mapping[str, float]:
        return self._read()[attribute]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class LazyBets(Collection[OutcomeBet]):
    """Bets that are computed when they are read. The truth value tells whether there are any, without computing
    them."""

    def __init__(self, read: Callable[[], Collection[OutcomeBet]], are_any: bool) -> None:
        self._read, self._are_any = read, are_any

    def __bool__(self) -> bool:
        return self._are_any

    def __iter__(self) -> Iterator[OutcomeBet]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __contains__(self, bet: object) -> bool:
        return bet in self._read()


class BettingProfile(msgspec.Struct, frozen=True):
    """One user. `favorite_pairs`: up to 20 leagues, best first. Leagues and teams are keys (see `identity`), as in an
    offer's columns. `top_values`: attribute -> the one or two values that are most frequent in the user's coupons, the
    most frequent first.

    `counts`, `weights`: attribute -> value -> number of selections, and the same with a half-life of 30 days. `recent`:
    the latest selections, the newest last. `bets`: the selections that name an outcome of a market, with the same
    weights. `sequence`: the latest events. `memo`: values derived from `counts` and `weights`, shared by profiles with
    equal ones; `bets_memo`: values derived from `bets`.
    """

    country: str = ""
    favorite_sport: str = ""
    favorite_pairs: tuple[str, ...] = ()
    top_values: Mapping[str, tuple[str, ...]] = {}
    counts: Tally = {}
    weights: Tally = {}
    recent: Sequence[RecentSelection] = ()
    bets: Collection[OutcomeBet] = ()
    sequence: BetSequence = NO_SEQUENCE
    memo: dict[str, Any] = {}
    bets_memo: dict[str, Any] = {}

    def keep(self, name: str, sources: list[Source], compute: Callable[[Self, list[Source]], T]) -> T:
        """The cached result of `compute(self, sources)`, which may read only `counts` and `weights` of the profile, and
        must not store `sources`. It is valid while all `sources` are the same objects. Nothing is cached for `NOBODY`,
        which casinos share, and its copies."""
        if self.memo is NOBODY.memo:
            return compute(self, sources)
        cached: tuple[Any, T] | None = self.memo.get(name)
        if cached is None or len(cached[0]) != len(sources) or not all(map(is_, map(call, cached[0]), sources)):
            cached = self.memo[name] = [*map(ref, sources)], compute(self, sources)
        return cached[1]


NOBODY = BettingProfile()


def is_current(memo: Mapping[str, Any]) -> bool:
    """Whether a profile's memo has entries, none of them derived from freed objects."""
    entries = list(memo.values())  # a copy: another request of the user may add an entry
    return bool(entries) and all(source() is not None for sources, _ in entries for source in sources)


_SPLITMIX_STEP, _LAST_SHIFT, _NOT_OF_FLOATS = map(np.uint64, (0x9E3779B97F4A7C15, 31, 11))
_SPLITMIX = (
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
)


_COUPONS_OF_HALF_CONFIDENCE = 10
MAX_NUMBER = 1e6  # bound of a stored model's weights and values


def require(is_valid: object, problem: str) -> None:
    """Raises UnreadableModel with `problem` if a decoded model is not valid."""
    if not is_valid:
        raise UnreadableModel(problem)


class StoredModel(Protocol):
    """A fitted model as the table `fitted_models` stores it.

    `decode` checks everything on which scoring relies, since other programs may write into a casino's database. It
    raises UnreadableModel, or the errors of msgspec and numpy for damaged bytes.
    """

    def encode(self) -> bytes: ...
    @classmethod
    def decode(cls, encoded: bytes) -> Self: ...


class _GetModel(Protocol):
    def __call__(self, kind: type[Model], /) -> Model | None: ...


class FittedModels:
    """A casino's fitted models of one `version`, at most one of each class. `get` returns the model of a class, or
    None. Immutable."""

    def __init__(self, *models: object, version: str = "") -> None:
        self.version = version
        self._by_class: dict[type[Any], Any] = {type(model): model for model in models}
        self.get: _GetModel = self._by_class.get

    def including(self, *models: object) -> "FittedModels":
        """A copy with `models`, which replace models of the same classes."""
        return FittedModels(*self._by_class.values(), *models, version=self.version)


NO_MODELS = FittedModels()


class ScoringContext(msgspec.Struct, frozen=True):
    """The input of a recommender: the `offer`, the user's `profile`, the casino's `trends` and fitted `models`.

    `now` and `hour`, the start of the hour, are Unix seconds; scores depend on `hour`, so that they stay equal for an
    hour. `seed`: of the casino, user and hour. `memo`: values that scores and reasons share. `user_id`: 0 for an
    unknown user.
    """

    offer: Offer
    profile: BettingProfile = NOBODY
    now: float = 0.0
    hour: float = 0.0
    seed: tuple[int, ...] = (0,)
    trends: Trends = NO_TRENDS
    models: FittedModels = NO_MODELS
    memo: dict[str, Any] = {}
    user_id: int = 0

    def chance(self) -> Scores:
        """A new array of a random number from 0 to 1 for each event, shape (n,). It depends only on the seed and the
        event's id (SplitMix64: Steele, Lea, Flood 2014), not on the other events."""
        key, ids, scores = _key_of(self.seed), self.offer.ids.view(np.uint64), np.empty(len(self.offer))
        for begin in range(0, ids.size, BLOCK):
            block = scores[begin : begin + BLOCK]
            mixed, shifted = ids[begin : begin + BLOCK] ^ key, block.view(np.uint64)
            mixed *= _SPLITMIX_STEP
            for shift, factor in _SPLITMIX:
                mixed ^= np.right_shift(mixed, shift, out=shifted)
                mixed *= factor
            mixed ^= np.right_shift(mixed, _LAST_SHIFT, out=shifted)
            np.multiply(np.right_shift(mixed, _NOT_OF_FLOATS, out=mixed), 2.0**-53, out=block)
        return scores


@lru_cache(4_096)
def _key_of(seed: tuple[int, ...]) -> np.uint64:
    """The cached key of a seed; a user's requests within an hour have the same seed."""
    [key] = np.random.SeedSequence(seed).generate_state(1, np.uint64)
    return np.uint64(key)


def begins_in_order(offer: Offer) -> Floats:
    """The begins of events in Unix seconds; events whose start time is to be confirmed come after all others. Shape
    (n,), read-only."""
    if not offer.start_time_tbd.any():
        return offer.begins
    ordered: Floats = np.where(offer.start_time_tbd, offer.begins + _TEN_YEARS, offer.begins)
    return ordered


_TEN_YEARS = 3_650 * 86_400
_SOONEST_FIRST = MemoKey[Scores]("soonest first")


def soonest_first(offer: Offer) -> Scores:
    """Tiny scores that order equally scored events by their begin; shape (n,), read-only."""
    cached = offer.memo.get(_SOONEST_FIRST)
    return offer.memo.keep(_SOONEST_FIRST, -1e-13 * begins_in_order(offer)) if cached is None else cached


class Recommender(ABC):
    """One algorithm. Subclasses set `name` (as in `recommender_type`, the file and the class), `needs`, and
    `model_types`: the models that are fitted for it, by stored name. A recommender with the same ranking for all users
    sets `is_personal` to False: it serves users who do not allow personalisation. `is_calibrated`: casinos'
    calibrations are fitted to its slips.

    A recommender only scores; `serving/slip.py` decides which events may be shown. It gets neither clock nor database,
    and its randomness comes from the context, so that equal requests get equal responses.
    """

    name: str
    needs: ClassVar[frozenset[ProfilePart]] = frozenset()
    model_types: ClassVar[Mapping[str, type[StoredModel]]] = {}
    is_personal: ClassVar[bool] = True
    is_calibrated: ClassVar[bool] = False

    def applies(self, context: ScoringContext) -> bool:
        """Whether there is enough data to score. If not, the next fallback is used (cold start)."""
        return True

    @abstractmethod
    def score(self, context: ScoringContext) -> Scores:
        """A score for each of the offer's n events, shape (n,); the highest wins. Never raises, also for an empty offer
        or profile."""

    def calibration(self, models: FittedModels) -> Calibration | None:
        """The casino's calibration of this recommender's confidence; None without one."""
        return models.get(Calibration) if self.is_calibrated else None

    def confidence(self, models: FittedModels, coupons: int, share: float, events: int, step: int) -> float:
        """The probability that a user with this number of coupons bets within a day on one of the events of a slip with
        this `share` of the softmax of the scores, by the casino's calibration. Without a calibration: n / (n + 10) for
        n coupons, halved at each of the `step` fallbacks before this one."""
        calibration = self.calibration(models)
        if calibration is None:
            return coupons / (coupons + _COUPONS_OF_HALF_CONFIDENCE) / float(2**step)
        return calibration.probability(share, coupons, events) if events else 0.0

    def reasons(self, context: ScoringContext, place: int) -> list[str]:
        """Sentences for the user that explain the high score of the event at `place`, the most important first; none if
        chance or the order of the offer decided."""
        return []


def share_of_last_bets(number: int, last: int, name: str) -> str:
    """The reason "`number` of the user's `last` bets were on `name`", a team, league, sport or market."""
    return f"{number} of your last {last} bets were on {name}"

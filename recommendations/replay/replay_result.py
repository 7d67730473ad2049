"""The results of a replay: tested cases and slips."""

from dataclasses import dataclass, field

from recommendations.learning.cases import Cases
from recommendations.learning.model_selection import SelectedModel
from recommendations.recommenders.hybrid_features.features import NAMES

from .outcome_cases import OutcomeCase
from .slip_quality import SlipStatistics


@dataclass(frozen=True, slots=True)
class TestedCase:
    """A user's first bet on an event. `ranks`: the event's rank by each recommender, from 1, ties at their expected
    rank. `user_coupons`, `event_selections`: their numbers before the slip."""

    timestamp: float
    user_id: int
    candidates: int
    user_coupons: int
    event_selections: int
    ranks: tuple[float, ...]


@dataclass(slots=True)
class ReplayResult:
    """The results of a replay. `slips` has one entry per recommender, in the order of `names`. `outcome_cases`: of bets
    that name an outcome; `unknown_outcomes`: the number of such bets on an outcome without an earlier price."""

    names: tuple[str, ...]
    tested_from: float
    cases: list[TestedCase] = field(default_factory=list)
    slips: list[SlipStatistics] = field(default_factory=list)
    open_events: set[int] = field(default_factory=set)
    selected: SelectedModel | None = None
    outcome_cases: list[OutcomeCase] = field(default_factory=list)
    unknown_outcomes: int = 0
    fitted_cases: Cases = field(default_factory=lambda: Cases.of([], len(NAMES)))

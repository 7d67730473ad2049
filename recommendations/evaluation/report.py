"""An evaluation report: each recommender's metrics over all cases, over time and by slice, and the advised recommender.

Reports are stored as JSON: a new field needs a default, and a renamed one keeps its JSON key.
"""

import msgspec

from .advice import Advice
from .bootstrap import Interval


class RecommenderMetrics(msgspec.Struct, frozen=True):
    """One recommender's metrics over some cases: metric -> mean with interval, and its difference from the
    baseline's."""

    recommender: str
    metrics: dict[str, Interval]
    difference: dict[str, Interval]


class Slice(msgspec.Struct, frozen=True):
    name: str
    cases: int
    results: list[RecommenderMetrics] = msgspec.field(name="figures")


class SlipMetrics(msgspec.Struct, frozen=True):
    """`coverage`: share of the open events that were in at least one slip; `diversity`: mean share of attributes in
    which two events of a slip differ; `invalid`: share of selections that break a rule. For the `shown` slips whose day
    is over: the mean `confidence`, the share that `held` an event which the user bet on within a day, and the
    `calibration_error` of confidence."""

    recommender: str
    coverage: float
    diversity: float
    invalid: float
    shown: int = 0
    confidence: float = 0.0
    held: float = 0.0
    calibration_error: float = 0.0


class Period(msgspec.Struct, frozen=True):
    """A period from `since` (Unix seconds) on; `means`: recommender -> mean of the main metric."""

    since: float
    cases: int
    means: dict[str, float]


class ModelSummary(msgspec.Struct, frozen=True):
    """The last fitted model of `hybrid`: its `kind`, the held-out `scores` of each kind, its weights, and an
    explanation."""

    kind: str
    cases: int
    scores: dict[str, float]
    weights: dict[str, float]
    explanation: str = msgspec.field(name="words")


class OutcomeMetrics(msgspec.Struct, frozen=True):
    """The metrics of one `choice` among outcomes. `hit`: share of bets on its first outcome (hit@1); `log_loss`: mean
    of minus the log probability of the outcome bet on; `ndcg`: by the rank of that outcome."""

    choice: str
    hit: Interval
    log_loss: Interval
    ndcg: Interval


class OutcomeSlice(msgspec.Struct, frozen=True):
    name: str
    cases: int
    candidates: float
    results: list[OutcomeMetrics]


class OutcomeReport(msgspec.Struct, frozen=True):
    """The metrics of the choice of the outcome, for bets that name one. `unknown` counts bets on outcomes without an
    earlier price."""

    slices: list[OutcomeSlice]
    unknown: int = 0


class Report(msgspec.Struct, frozen=True):
    """The first of `slices` has all cases of users with earlier coupons; "new users" and "new events" are cold-start
    cases. `tested_from` is in Unix seconds."""

    source: str
    coupons: int
    events: int
    tested_from: float
    cases: int
    candidates: float
    baseline: str
    main_metric: str
    slices: list[Slice]
    slips: list[SlipMetrics]
    periods: list[Period]
    advice: Advice
    learning: ModelSummary | None = None
    left_out: int = 0
    outcomes: OutcomeReport | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a stored report without its main metric."""
        if any(self.main_metric not in each.metrics for each_slice in self.slices for each in each_slice.results):
            raise ValueError(f"a recommender has no {self.main_metric}")

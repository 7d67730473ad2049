"""What an evaluation says: each recommender's figures over all cases, over time and by slices, and which one to use.

Reports are kept as they are here, so a field that is added needs a default.
"""

import msgspec

from .advice import Advice
from .bootstrap import Interval


class RecommenderMetrics(msgspec.Struct, frozen=True):
    """One recommender over some cases: metric -> mean with interval, and less the baseline's."""

    recommender: str
    metrics: dict[str, Interval]
    difference: dict[str, Interval]


class Slice(msgspec.Struct, frozen=True):
    name: str
    cases: int
    figures: list[RecommenderMetrics]


class SlipMetrics(msgspec.Struct, frozen=True):
    """`coverage`: the share of the open events that were in a slip at all; `diversity`: the share of attributes in
    which two events of a slip differ; `invalid`: the share of selections that should not have been shown."""

    recommender: str
    coverage: float
    diversity: float
    invalid: float


class Period(msgspec.Struct, frozen=True):
    """From `since` (Unix seconds) on; recommender -> the mean of the main metric."""

    since: float
    cases: int
    means: dict[str, float]


class ModelSummary(msgspec.Struct, frozen=True):
    """What `hybrid` learnt last: the `kind` of model, how each kind did, the weights, and all that in words."""

    kind: str
    cases: int
    scores: dict[str, float]
    weights: dict[str, float]
    words: str


class Report(msgspec.Struct, frozen=True):
    """`slices` begin with all cases of users who were known; `tested_from` is in Unix seconds."""

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

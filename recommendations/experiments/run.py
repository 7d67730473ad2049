"""A begun experiment at one time: its definition, days, variants and metric."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from recommendations.errors import ExperimentConflict
from recommendations.serving.experiments.running import Kind
from tenants.models import Experiment, ExperimentState

from .comparison import Measure, Period
from .definition import Definition, load_definition
from .statistics.boundary import Floats, alpha_of_each
from .statistics.clock import PrePeriod, planned_variance

CREDITS = "credits"  # the metric of an interleaving
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Run:
    """`at` is the time of the report, or the end of the experiment; days are UTC and include the first and the last."""

    definition: Definition
    state: ExperimentState
    starts_at: datetime
    at: datetime

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.definition.variants]

    @property
    def shares(self) -> Floats:
        shares = np.array([each.share for each in self.definition.variants], dtype=np.float64)
        normalised: Floats = shares / shares.sum()
        return normalised

    @property
    def alpha(self) -> float:
        """The significance level of each comparison with the control."""
        return alpha_of_each(len(self.definition.variants))

    @property
    def metric(self) -> str:
        is_interleaving = self.definition.kind is Kind.INTERLEAVE
        return CREDITS if is_interleaving else self.definition.metric.value

    @property
    def starts(self) -> date:
        return self.starts_at.astimezone(UTC).date()

    @property
    def until(self) -> date:
        """The day of `at`; at midnight, the day that ends."""
        return max((self.at - _MOMENT).astimezone(UTC).date(), self.starts)

    @property
    def days(self) -> int:
        return (self.until - self.starts).days + 1

    def period(self, metric: Measure) -> Period:
        return Period(self.definition.name, self.names, metric, self.starts)

    def shares_of(self, number: int) -> dict[str, float]:
        """The shares of the control and of the variant with this number among all users."""
        shares, traffic = self.definition.variants, self.definition.traffic
        return {"control_share": shares[0].share * traffic, "variant_share": shares[number].share * traffic}

    def planned(self, pre: PrePeriod, number: int) -> float:
        """The planned variance of the variant with this number. Raises TooLittleHistory."""
        return planned_variance(pre, **self.shares_of(number), planned_days=self.definition.planned_days)


def run_of(experiment: Experiment, now: datetime) -> Run:
    """The run of an experiment at `now`. Raises ExperimentConflict before the experiment has begun."""
    state = experiment.state_at(now)
    if experiment.starts_at is None or state is ExperimentState.SCHEDULED:
        raise ExperimentConflict(f"{experiment} is {state}: a report is available once it has begun")
    at = now if experiment.stops_at is None else min(now, experiment.stops_at)
    return Run(load_definition(experiment.definition), state, experiment.starts_at, at)

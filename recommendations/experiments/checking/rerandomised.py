"""A/A tests on past days: users are assigned to variants at random, without any difference between the variants."""

from dataclasses import replace

import msgspec
import numpy as np

from recommendations.attribution.shares import share_interval
from recommendations.experiments.definition import Definition
from recommendations.experiments.statistics.boundary import ALPHA, alpha_of_each
from recommendations.experiments.statistics.clock import PRE_PERIOD_DAYS, planned_variance
from recommendations.experiments.statistics.contrast import contrast
from recommendations.experiments.statistics.looks import follow
from recommendations.experiments.statistics.moments import Moments
from recommendations.experiments.statistics.running import running_moments

from .past_days import PastDays

EXPERIMENTS = 200
_SEED = 19


class FalseAlarms(msgspec.Struct, frozen=True):
    """`found` of the `experiments` found a difference. `share` is this false positive rate, with its 95 % confidence
    interval; it should be at most `limit`."""

    experiments: int
    found: int
    share: float
    low: float
    high: float
    limit: float = ALPHA

    @property
    def are_too_many(self) -> bool:
        """Whether the false positive rate is significantly above `limit`."""
        return self.low > self.limit


def find_false_alarms(past: PastDays, definition: Definition, experiments: int = EXPERIMENTS) -> FalseAlarms:
    """Run A/A tests with a look at the end of each day. The same days give the same result. Raises TooLittleHistory."""
    rng, arms = np.random.default_rng(_SEED), len(definition.variants) + 1  # the last: users who do not take part
    ends, planned = np.cumsum(shares_of_all(definition)), _planned(past, definition)
    entries, outcomes = past.entries(), past.outcomes()
    found = 0
    for _ in range(experiments):
        drawn = np.searchsorted(ends, rng.random(past.users), side="right")
        moments = running_moments(replace(entries, arms=drawn), outcomes, looks=past.days, arms=arms)
        found += _is_alarm(moments, planned)
    share = share_interval(found, experiments, days=1)
    if share is None:
        raise ValueError(f"experiments must be above 0; got {experiments}.")
    return FalseAlarms(experiments, found, share.share, share.low, share.high)


def shares_of_all(definition: Definition) -> list[float]:
    """Each variant's share of all users who may take part."""
    return [each.share * definition.traffic for each in definition.variants]


def _planned(past: PastDays, definition: Definition) -> list[float]:
    """The planned variance of each variant except the control, for an experiment of 28 days. Raises
    TooLittleHistory."""
    pre, shares = past.first_half(), shares_of_all(definition)
    return [
        planned_variance(pre, control_share=shares[0], variant_share=each, planned_days=PRE_PERIOD_DAYS)
        for each in shares[1:]
    ]


def _is_alarm(moments: Moments, planned: list[float]) -> bool:
    alpha = alpha_of_each(len(planned) + 1)
    looks = (follow(contrast(moments, number), each, alpha) for number, each in enumerate(planned, start=1))
    return any(each.first_significant is not None for each in looks)

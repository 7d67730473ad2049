"""The course of a comparison over time."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from .statistics.boundary import Floats
from .statistics.looks import Looks


@dataclass(frozen=True, slots=True)
class Course:
    """The comparison of a variant with the control by one metric, over all looks in chronological order; arrays have
    the shape (looks,). `users` have entered the variant and `control_users` the control; in an interleaving, they are
    the bets credited to each list. `signals`: the control's mean in standard errors, 0 if the look does not count."""

    variant: str
    metric: str
    times: tuple[datetime, ...]
    users: Floats
    control_users: Floats
    signals: Floats
    looks: Looks

    @property
    def first_significant_at(self) -> datetime | None:
        first = self.looks.first_significant
        return None if first is None else self.times[first]

    def days_since(self, start: datetime) -> Floats:
        """The time from `start` to each look, in days."""
        return np.array([(each - start).total_seconds() / 86_400 for each in self.times])

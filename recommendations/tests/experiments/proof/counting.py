"""Runs a series and compares its shares with the limits."""

from dataclasses import dataclass

import numpy as np

from .series import Limit, Series


@dataclass(frozen=True, slots=True)
class Result:
    series: str
    name: str
    share: float
    limit: Limit
    runs: int

    @property
    def holds(self) -> bool:
        return self.limit.least <= self.share <= self.limit.most

    def __str__(self) -> str:
        wanted = f"at least {self.limit.least:.0%}" if self.limit.least else f"at most {self.limit.most:.0%}"
        mark = "" if self.holds else "  DOES NOT HOLD"
        return f"{self.series:40} {self.name:33} {self.share:7.1%} of {self.runs:5,}  ({wanted}){mark}"


def results_of(series: Series, runs: int | None = None) -> list[Result]:
    """One result for each limit, of the first `runs` experiments. Each experiment has its own fixed seed."""
    number = runs or series.runs
    outcomes = [series.run(np.random.default_rng((19, each))) for each in range(number)]
    shares = {name: sum(outcome[name] for outcome in outcomes) / number for name in series.limits}
    return [Result(series.name, name, share, series.limits[name], number) for name, share in shares.items()]

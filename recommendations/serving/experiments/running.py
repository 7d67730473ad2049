"""The scheduled and running experiments of a casino: as stored in the catalogue for requests, and parsed."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import get_recommender
from recommendations.serving.options import Options, load_options

from .assignment import PARTS

logger = logging.getLogger(__name__)

# Options that a variant may change. Never stakes, ages, blocked events, or the closing of prices: ADR 35.
VARIANT_OPTIONS = (
    "event_limit", "min_odd", "max_odd", "max_per_league", "max_per_sport", "fallbacks", "pinned", "live_events",
    "begin_margin_seconds",
)  # fmt: skip


class Kind(StrEnum):
    AB = "ab"
    HOLDOUT = "holdout"
    INTERLEAVE = "interleave"


class Metric(StrEnum):
    """The metric by which variants are compared."""

    INFLUENCE = "influence"
    BET_DAYS = "bet_days"
    TURNOVER = "turnover"
    ATTRIBUTED_DAYS = "attributed_days"


class StoredVariant(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    share: int
    recommender_type: str | None = None
    options: dict[str, Any] = {}


class StoredExperiment(msgspec.Struct, frozen=True, omit_defaults=True):
    """An element of `casinos.running_experiments`. Shares and ranges are in ten thousandths."""

    name: str
    kind: str
    salt: str
    ranges: tuple[tuple[int, int], ...]
    variants: tuple[StoredVariant, ...]
    starts_at: datetime
    stops_at: datetime | None = None
    placement: str | None = None
    metric: str = Metric.INFLUENCE
    explore: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A variant in a request. `is_withheld`: its slips are computed but not shown."""

    name: str
    share: int
    recommender: Recommender
    options: Options
    is_withheld: bool

    @property
    def propensity(self) -> float:
        """The probability of this variant for a participating user."""
        return self.share / PARTS

    def answers_like(self, other: "Variant") -> bool:
        return self.recommender is other.recommender and self.options == other.options


@dataclass(frozen=True, slots=True, eq=False)
class RunningExperiment:
    """An experiment with its casino's configuration. `placement`: of its requests, None for all. `compares_slips`: the
    slips of the other variants are computed too. `is_interleaved`: each user gets one slip drafted from the
    recommenders of both variants. `explore`: the probability of drawing the last event of a slip."""

    name: str
    salt: str
    ranges: tuple[tuple[int, int], ...]
    variants: tuple[Variant, ...]
    shares: tuple[int, ...]
    starts_at: datetime
    stops_at: datetime | None
    placement: str | None
    compares_slips: bool
    is_interleaved: bool
    explore: float = 0.0

    def is_running(self, now: datetime, placement: str) -> bool:
        """Whether the experiment runs at `now` for requests with this placement."""
        if now < self.starts_at or (self.stops_at is not None and self.stops_at <= now):
            return False
        return self.placement is None or self.placement == placement


def options_of_variant(casino: Mapping[str, Any] | None, variant: Mapping[str, Any]) -> Options:
    """The casino's stored options, replaced by a variant's. Raises ValueError for an option that a variant may not
    change, and msgspec.ValidationError if the two contradict each other."""
    if forbidden := sorted(set(variant) - set(VARIANT_OPTIONS)):
        raise ValueError(f"a variant may not change {', '.join(forbidden)}, only {', '.join(VARIANT_OPTIONS)}")
    return load_options({**(casino or {}), **variant})


def store_running(experiments: Iterable[Any]) -> list[Any] | None:
    """Convert experiments to their form in the catalogue; None without any. Stored ones stay unchanged."""
    stored: list[Any] = msgspec.to_builtins(list(experiments))
    return stored or None


def load_running(
    stored: list[Any] | None, recommender_type: str | None, options: Mapping[str, Any] | None
) -> tuple[RunningExperiment, ...]:
    """Parse the stored experiments. A variant without a recommender or options has the casino's.

    An experiment that does not fit the casino's current options, or is of another release, is skipped: its users get
    the casino's configuration.
    """
    experiments = []
    for each in stored or ():
        try:
            experiment = msgspec.convert(each, StoredExperiment)
            experiments.append(_load(experiment, recommender_type, options))
        except (msgspec.ValidationError, InvalidConfiguration, ValueError) as error:
            logger.warning(
                "The experiment %s is not served, its users get the casino's configuration: %s", _name_of(each), error
            )
    return tuple(experiments)


def _load(
    stored: StoredExperiment, recommender_type: str | None, options: Mapping[str, Any] | None
) -> RunningExperiment:
    kind = Kind(stored.kind)
    shares = tuple(each.share for each in stored.variants)
    if sum(shares) != PARTS:
        raise ValueError(f"the shares of its variants sum to {sum(shares)}; must sum to {PARTS}")
    return RunningExperiment(
        name=stored.name,
        salt=stored.salt,
        ranges=stored.ranges,
        variants=tuple(
            Variant(
                name=each.name,
                share=each.share,
                recommender=get_recommender(each.recommender_type or recommender_type),
                options=options_of_variant(options, each.options),
                is_withheld=kind is Kind.HOLDOUT and number == 0,
            )
            for number, each in enumerate(stored.variants)
        ),
        shares=shares,
        starts_at=stored.starts_at,
        stops_at=stored.stops_at,
        placement=stored.placement,
        compares_slips=kind is Kind.AB and stored.metric == Metric.INFLUENCE,
        is_interleaved=kind is Kind.INTERLEAVE,
        explore=stored.explore,
    )


def _name_of(stored: object) -> object:
    return stored.get("name") if isinstance(stored, dict) else stored

"""Series of made-up experiments, each with its limits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from recommendations.experiments.statistics.boundary import Floats
from recommendations.experiments.statistics.looks import Looks
from recommendations.experiments.statistics.mismatch import is_mismatch

from .experiments import Setting, ab_test, ab_test_of_lists, ab_test_without_effect, credits_of, guarded, interleaving
from .lists import Recommenders, draw_lists
from .logged import covers_the_truth

UPLIFT = 0.10
MANY, FEW = 15_000, 3_750  # users of an A/B test and, a quarter of them, of an interleaving
SAME_45, SAME_78 = Recommenders(2.5, 2.5, 0.2), Recommenders(2.5, 2.5, 0.85)  # per cent of hits that both lists share
FORETELLS_MORE = Recommenders(2.5, 1.5, 0.2)  # b has a third more hits
BETTER_45, BETTER_78 = Recommenders(2.5, 2.09, 0.2), Recommenders(2.5, 2.09, 0.85)  # b has 10 % more hits

Run = Callable[[np.random.Generator], dict[str, bool]]


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits of the share of experiments with a property."""

    least: float = 0.0
    most: float = 1.0


FALSE_ALARMS, COVERED = Limit(most=0.05), Limit(least=0.95)
FOUND = Limit(least=0.75)


@dataclass(frozen=True, slots=True)
class Series:
    """`run` returns, for one experiment, whether it has each of the properties in `limits`."""

    name: str
    runs: int
    run: Run
    limits: dict[str, Limit]


def all_series() -> list[Series]:
    days_and_stakes = {
        "false alarm, days with a bet": FALSE_ALARMS,
        "false alarm, capped stakes": FALSE_ALARMS,
        "intervals hold, days with a bet": COVERED,
        "intervals hold, capped stakes": COVERED,
    }
    is_quiet = {"false alarm": FALSE_ALARMS}
    found = {"found": FOUND, "wrong way": Limit(most=0.01)}
    hourly_few, daily_few = Setting(FEW), Setting(FEW, hours_between_looks=24)
    daily_many = Setting(MANY, hours_between_looks=24)
    return [
        Series("A/A, 300 users", 1_000, partial(_aa, Setting(300)), days_and_stakes),
        Series("A/A, 2,000 users", 1_000, partial(_aa, Setting(2_000)), days_and_stakes),
        Series("A/A, 10,000 users", 1_000, partial(_aa, Setting(10_000)), days_and_stakes),
        Series("A/A, 2,000 users, 84 days", 500, partial(_aa, Setting(2_000, days=84)), days_and_stakes),
        Series("A/A, 2,000 users, 90 : 10", 500, partial(_aa, Setting(2_000, variant_share=0.1)), days_and_stakes),
        Series("A/B, +10 %, 15,000 users", 400, partial(_ab, daily_many), {**found, "intervals hold": COVERED}),
        Series("A/B of lists, +10 %, 15,000 users", 100, partial(_lists, daily_many, BETTER_45), {"found": FOUND}),
        Series(
            "interleaved A/A, 45 % shared",
            500,
            partial(_interleaved, hourly_few, SAME_45),
            is_quiet,
        ),
        Series(
            "interleaved A/A, 78 % shared",
            500,
            partial(_interleaved, hourly_few, SAME_78),
            is_quiet,
        ),
        Series("interleaved, +10 %, 3,750 users, 45 %", 200, partial(_interleaved, daily_few, BETTER_45), found),
        Series("interleaved, +10 %, 3,750 users, 78 %", 200, partial(_interleaved, daily_few, BETTER_78), found),
        Series(
            "users bet the same whatever is shown",
            100,
            partial(_without_effect, Setting(10_000, hours_between_looks=24)),
            {
                "attribution calls b different": FOUND,
                "influence calls b different": FALSE_ALARMS,
                "all bets call b different": FALSE_ALARMS,
            },
        ),
        Series("interleaved, intervals", 200, partial(_preferred, hourly_few, BETTER_45), {"intervals hold": COVERED}),
        Series("guard at its limit, −5 %", 500, partial(_guarded, -0.05), {"stopped": Limit(most=0.01)}),
        Series("guard, −20 %, 10,000 users", 200, partial(_guarded, -0.2), {"stopped": FOUND}),
        Series("shares 50 : 50, hourly", 500, partial(_mismatch, 0.0), {"mismatch": Limit(most=0.01)}),
        Series("an arm loses 10 %", 200, partial(_mismatch, 0.1), {"mismatch": Limit(least=0.95)}),
        Series(
            "off-policy, 40,000 answers",
            200,
            covers_the_truth,
            dict.fromkeys(("IPS", "self-normalised", "doubly robust"), Limit(least=0.9)),
        ),
    ]


def _aa(setting: Setting, rng: np.random.Generator) -> dict[str, bool]:
    days, stakes = ab_test(rng, setting, 0.0)
    return {
        "false alarm, days with a bet": _is_found(days),
        "false alarm, capped stakes": _is_found(stakes),
        "intervals hold, days with a bet": _hold(days, 0.0),
        "intervals hold, capped stakes": _hold(stakes, 0.0),
    }


def _ab(setting: Setting, rng: np.random.Generator) -> dict[str, bool]:
    days, _ = ab_test(rng, setting, UPLIFT)
    return {**_outcome(days), "intervals hold": _hold(days, UPLIFT)}


def _lists(setting: Setting, recommenders: Recommenders, rng: np.random.Generator) -> dict[str, bool]:
    return {"found": _is_found(ab_test_of_lists(rng, setting, recommenders))}


def _interleaved(setting: Setting, recommenders: Recommenders, rng: np.random.Generator) -> dict[str, bool]:
    return _outcome(interleaving(rng, setting, recommenders))


def _preferred(setting: Setting, recommenders: Recommenders, rng: np.random.Generator) -> dict[str, bool]:
    return {"intervals hold": _hold(interleaving(rng, setting, recommenders), _preference(recommenders))}


def _without_effect(setting: Setting, rng: np.random.Generator) -> dict[str, bool]:
    attributed, influence, every = ab_test_without_effect(rng, setting, FORETELLS_MORE)
    return {
        "attribution calls b different": _is_found(attributed),
        "influence calls b different": _is_found(influence),
        "all bets call b different": _is_found(every),
    }


def _guarded(uplift: float, rng: np.random.Generator) -> dict[str, bool]:
    return {"stopped": guarded(rng, Setting(10_000, hours_between_looks=24), uplift, limit=-0.05)}


def _mismatch(lost: float, rng: np.random.Generator) -> dict[str, bool]:
    """The test of 10,000 users who enter evenly over 28 days, while one arm loses a share of its users."""
    of_variant = 0.5 * (1 - lost)
    is_variant = rng.random(10_000) < of_variant / (0.5 + of_variant)
    looks = np.linspace(0, 10_000, 28 * 24 + 1).astype(np.int64)[1:]
    variant: Floats = np.cumsum(is_variant)[looks - 1].astype(np.float64)
    return {"mismatch": is_mismatch(np.stack([looks - variant, variant], axis=1), np.array([0.5, 0.5]))}


@cache
def _preference(recommenders: Recommenders) -> float:
    """The true (b - a) / (a + b) of credits, from 200,000 bets."""
    rng = np.random.default_rng(3)
    signs = credits_of(rng, draw_lists(rng, 200_000, recommenders))
    return float(signs.sum() / np.abs(signs).sum())


def _outcome(looks: Looks) -> dict[str, bool]:
    first = looks.first_significant
    return {
        "false alarm": first is not None,
        "found": first is not None and bool(looks.z[first] > 0),
        "wrong way": first is not None and bool(looks.z[first] < 0),
    }


def _is_found(looks: Looks) -> bool:
    return looks.first_significant is not None


def _hold(looks: Looks, truth: float) -> bool:
    """Whether the interval covered the truth at every look."""
    return bool(((looks.low <= truth) & (truth <= looks.high)).all())

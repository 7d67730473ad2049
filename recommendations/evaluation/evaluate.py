"""Evaluates recommenders on a history: replays it, and reports their metrics."""

from collections.abc import Callable, Sequence

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.history import DAY, History
from recommendations.replay.replay import ReplayPlan, replay
from recommendations.serving.options import DEFAULTS, Options

from .baselines import BASELINES
from .build_report import report_of
from .explain import summarize
from .report import Report

DEFAULT_BASELINE = "soonest"


def find_recommenders(names: Sequence[str]) -> list[Recommender]:
    """Recommenders and baselines by name. Raises InvalidConfiguration with the known names."""
    known = RECOMMENDERS | BASELINES
    for name in names:
        if name not in known:
            raise InvalidConfiguration(f"Unknown recommender {name!r}. Use one of: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def evaluate(
    history: History,
    *,
    recommenders: Sequence[Recommender] | None = None,
    ks: Sequence[int] = (3, 10),
    baseline: str = DEFAULT_BASELINE,
    test_fraction: float = 0.2,
    refit: float = 7 * DAY,
    min_prior_coupons: int = 0,
    source: str = "",
    options: Options = DEFAULTS,
    fit_first: int | None = None,
    on_progress: Callable[[], None] = lambda: None,
) -> Report:
    """Replay a history, and report the metrics of each recommender, with slips under these `options`. `on_progress` is
    called after each coupon."""
    tested = list(recommenders if recommenders is not None else (RECOMMENDERS | BASELINES).values())
    if baseline not in {each.name for each in tested}:
        tested += find_recommenders([baseline])
    plan = ReplayPlan(tested, test_fraction, refit, min_prior_coupons, options, fit_first)
    replayed = replay(history, plan, on_progress)
    learning = summarize(replayed.selected, replayed.fitted_cases) if replayed.selected is not None else None
    return report_of(
        replayed,
        ks=ks,
        baseline=baseline,
        source=source,
        coupons=len(history.coupons),
        events=len(history.events),
        left_out=history.left_out,
        learning=learning,
    )

"""The doors into evaluation: a history in, a report out."""

from collections.abc import Callable, Sequence

from recommendations.errors import InvalidConfiguration
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.history import History
from recommendations.replay.replay import DAY, ReplayPlan, replay

from .baselines import BASELINES
from .build_report import report_of
from .explain import learning_of
from .report import Report

DEFAULT_BASELINE = "soonest"


def find_recommenders(names: Sequence[str]) -> list[Recommender]:
    """Those of the registry and the yardsticks. Raises InvalidConfiguration, which lists what there is."""
    known = RECOMMENDERS | BASELINES
    for name in names:
        if name not in known:
            raise InvalidConfiguration(f"There is no recommender {name}. There are: {', '.join(known)}")
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
    tell: Callable[[], None] = lambda: None,
) -> Report:
    """Replay a history, and say how good each recommender would have been. `tell` is called after each coupon."""
    asked = list(recommenders if recommenders is not None else (RECOMMENDERS | BASELINES).values())
    if baseline not in {each.name for each in asked}:
        asked += find_recommenders([baseline])
    replayed = replay(history, ReplayPlan(asked, test_fraction, refit, min_prior_coupons), tell)
    learning = learning_of(replayed.learnt, replayed.learnt_from) if replayed.learnt is not None else None
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

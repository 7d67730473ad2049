"""The doors into evaluation: a history in, a report out."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import msgspec

from recommendations.errors import InvalidConfiguration
from recommendations.models import Evaluation
from recommendations.recommenders.base import Recommender
from recommendations.recommenders.registry import RECOMMENDERS

from .history import History
from .peers import PEERS
from .replay import DAY, Plan, replay
from .report import Report, report_of
from .words import learning_of

BASELINE = "soonest"


def recommenders_named(names: Sequence[str]) -> list[Recommender]:
    """Those of the registry and the yardsticks. Raises InvalidConfiguration, which lists what there is."""
    known = RECOMMENDERS | PEERS
    for name in names:
        if name not in known:
            raise InvalidConfiguration(f"There is no recommender {name}. There are: {', '.join(known)}")
    return [known[name] for name in dict.fromkeys(names)]


def evaluate(
    history: History,
    *,
    recommenders: Sequence[Recommender] | None = None,
    ks: Sequence[int] = (3, 10),
    baseline: str = BASELINE,
    test_fraction: float = 0.2,
    refit: float = 7 * DAY,
    min_prior_coupons: int = 0,
    source: str = "",
    tell: Callable[[], None] = lambda: None,
) -> Report:
    """Replay a history, and say how good each recommender would have been. `tell` is called after each coupon."""
    asked = list(recommenders if recommenders is not None else (RECOMMENDERS | PEERS).values())
    if baseline not in {each.name for each in asked}:
        asked += recommenders_named([baseline])
    replayed = replay(history, Plan(asked, test_fraction, refit, min_prior_coupons), tell)
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


def keep_report(report: Report, now: datetime) -> None:
    """Keep the report as the current casino's last evaluation."""
    Evaluation.objects.create(evaluated_at=now, report=msgspec.to_builtins(report))
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("pk", flat=True)[:_KEPT]
    Evaluation.objects.exclude(pk__in=list(latest)).delete()


_KEPT = 20


def last_report() -> tuple[datetime, Report] | None:
    """When the current casino was evaluated last, and what that said; None if it never was."""
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("evaluated_at", "report").first()
    return None if latest is None else (latest[0].astimezone(UTC), msgspec.convert(latest[1], Report))

"""The reports that a casino's database keeps."""

from datetime import UTC, datetime

import msgspec

from recommendations.models import Evaluation

from .report import Report

_KEPT = 20


def save_report(report: Report, now: datetime) -> None:
    """Keep the report as the current casino's last evaluation."""
    Evaluation.objects.create(evaluated_at=now, report=msgspec.to_builtins(report))
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("pk", flat=True)[:_KEPT]
    Evaluation.objects.exclude(pk__in=list(latest)).delete()


def last_report() -> tuple[datetime, Report] | None:
    """When the current casino was evaluated last, and what that said; None if it never was."""
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("evaluated_at", "report").first()
    return None if latest is None else (latest[0].astimezone(UTC), msgspec.convert(latest[1], Report))

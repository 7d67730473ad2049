"""Storing evaluation reports in a casino's database."""

import logging
from datetime import UTC, datetime

import msgspec

from recommendations.models import Evaluation
from tenants.routing.connections import current_alias

from .report import Report

logger = logging.getLogger(__name__)

_MAX_REPORTS = 20


def save_report(report: Report, now: datetime) -> None:
    """Store the report as the current casino's latest evaluation, and delete the oldest ones."""
    Evaluation.objects.create(evaluated_at=now, report=msgspec.to_builtins(report))
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("pk", flat=True)[:_MAX_REPORTS]
    Evaluation.objects.exclude(pk__in=list(latest)).delete()


def last_report() -> tuple[datetime, Report] | None:
    """The time and the report of the current casino's latest evaluation; None without a readable one."""
    latest = Evaluation.objects.order_by("-evaluated_at", "-pk").values_list("evaluated_at", "report").first()
    if latest is None:
        return None
    try:
        return latest[0].astimezone(UTC), msgspec.convert(latest[1], Report)
    except (msgspec.ValidationError, RecursionError) as error:
        logger.warning("The last evaluation of %s is unreadable; run evaluate: %s", current_alias(), error)
        return None

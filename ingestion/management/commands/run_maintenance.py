"""`manage.py run_maintenance`: runs the consumers' maintenance tasks in an installation without consumers."""

import logging
import threading
from collections.abc import Iterable
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.errors import AllDatabasesUnavailable
from ingestion.maintenance.tasks import run_round
from ingestion.management.base_commands import stop_on_signals
from tenants.management.cli.arguments import ready_casinos
from tenants.models import Casino
from tenants.numbers import as_decimal, as_id
from tenants.postgresql.wait_budget import consumer_budget, waiting_within

logger = logging.getLogger(__name__)

_SHOWN = 5


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = (
        "Expire waiting coupons, merge tallies, and delete old tallies, Idempotency-Keys, served recommendations, "
        "impressions and closed dead letters. Consumers do so between their batches; this command is for installations "
        "without consumers, and may also run beside them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--casino", type=as_id, metavar="ID", help="this casino only (default: all, and the catalogue)"
        )
        parser.add_argument(
            "--every", type=as_decimal, metavar="SECONDS", help="repeat until SIGTERM or Ctrl-C (default: once)"
        )

    def handle(self, *args: Any, casino: int | None, every: float | None, **options: Any) -> None:
        stop = stop_on_signals()
        with waiting_within(consumer_budget(stop)):
            if every is None:
                self._run_once(stop, casino)
            else:
                _repeat(stop, casino, every)

    def _run_once(self, stop: threading.Event, casino_id: int | None) -> None:
        try:
            failures = run_round(stop, _casinos(casino_id))
        except AllDatabasesUnavailable as error:
            raise CommandError(str(error)) from error
        if failures:
            shown = "; ".join(failures[:_SHOWN])
            raise CommandError(f"{len(failures)} tasks failed; the next run tries them again. The first: {shown}")
        self.stdout.write("Maintenance was interrupted." if stop.is_set() else "Maintenance is done.")


def _repeat(stop: threading.Event, casino_id: int | None, seconds: float) -> None:
    while not stop.is_set():
        try:
            failures = run_round(stop, _casinos(casino_id))
            logger.info("Maintenance: %d tasks failed, trying them again in %.0f s", len(failures), seconds)
        except AllDatabasesUnavailable as error:
            logger.warning("Maintenance: trying again in %.0f s: %s", seconds, error)
        stop.wait(seconds)


def _casinos(casino_id: int | None) -> Iterable[Casino] | None:
    return None if casino_id is None else list(ready_casinos([casino_id]))

"""`manage.py attribute`: attributes coupons as `consume_recommendations` does between its batches."""

import threading
from argparse import ArgumentTypeError
from datetime import UTC, date, datetime, time, timedelta
from time import monotonic
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser
from django.db import close_old_connections
from django.utils import timezone

from ingestion.management.base_commands import stop_on_signals
from recommendations.attribution.backfill import note_stored_since
from recommendations.attribution.job import attribute_step, sum_due_days
from recommendations.serving.options import load_options
from tenants.management.cli.arguments import ready_casino
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.postgresql.wait_budget import consumer_budget, waiting_within
from tenants.routing.context import use_casino

_PAUSE_SECONDS = 1.0
_SUM_SECONDS = 60.0
_BUSY_SECONDS = 0.05  # while another process attributes this casino's coupons


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = (
        "Attribute a casino's coupons to recommendations, until none is due. consume_recommendations does so between "
        "its batches, up to some 2,000 coupons a second; use this command for more, or after an upgrade (--since). "
        "Both may run at the same time."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        parser.add_argument(
            "--since",
            type=as_day,
            metavar="YYYY-MM-DD",
            help="attribute again the coupons stored from this day (UTC) on",
        )
        parser.add_argument("--follow", action="store_true", help="continue until SIGTERM or Ctrl-C (default: end)")

    def handle(self, *args: Any, casino: int, since: date | None, follow: bool, **options: Any) -> None:
        chosen, stop = ready_casino(casino), stop_on_signals()
        window = timedelta(hours=load_options(chosen.options).attribution_hours)
        with waiting_within(consumer_budget(stop)):
            if since is not None:
                self._note(chosen, datetime.combine(since, time.min, UTC), window)
            count = _attribute(chosen, window, stop)
            _sum_days(chosen, stop)
            self.stdout.write(f"{chosen}: {count} coupons compared with recommendations.")
            if follow:
                _follow(chosen, window, stop)

    def _note(self, casino: Casino, since: datetime, window: timedelta) -> None:
        with use_casino(casino.current):
            first, count = note_stored_since(since, timezone.now(), window)
        self.stdout.write(f"{casino}: {count} coupons since {first:%Y-%m-%d} are due.")


def _follow(casino: Casino, window: timedelta, stop: threading.Event) -> None:
    sum_at = monotonic() + _SUM_SECONDS
    while not stop.wait(_PAUSE_SECONDS):
        close_old_connections()
        _attribute(casino, window, stop)
        if monotonic() >= sum_at:
            _sum_days(casino, stop)
            sum_at = monotonic() + _SUM_SECONDS


def _attribute(casino: Casino, window: timedelta, stop: threading.Event) -> int:
    """Attribute until no note is left. Returns the number of coupons."""
    count = 0
    with use_casino(casino.current):
        while not stop.is_set():
            step = attribute_step(timezone.now(), window)
            if step is None:
                stop.wait(_BUSY_SECONDS)
            elif step.is_last:
                break
            else:
                count += step.coupons
    return count


def _sum_days(casino: Casino, stop: threading.Event) -> None:
    with use_casino(casino.current):
        while not stop.is_set() and not sum_due_days():
            stop.wait(_BUSY_SECONDS)


def as_day(text: str) -> date:
    """The day of an argument. Raises ArgumentTypeError."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no day: use YYYY-MM-DD") from error

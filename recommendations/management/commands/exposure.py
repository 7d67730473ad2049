"""`manage.py exposure`: report a casino's answers for responsible gambling."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.evaluation.exposure import Exposure, ExposureDay, FlaggedAnswer, report_exposure
from recommendations.serving.options import load_options
from tenants.management.cli.arguments import ready_casino
from tenants.numbers import as_id, as_positive
from tenants.routing.context import use_casino

_HEADER = f"{'day':10} {'answers':>9} {'refused':>9} {'flagged':>9} {'stakes':>9} {'above own':>10} {'of own':>7}"


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = (
        "Report by day the refused answers, the answers with bets to users who must not get any (flagged), and the "
        "suggested stakes compared with the users' median stakes. Fails if an answer is flagged."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID")
        parser.add_argument("--days", type=as_positive, default=7, metavar="N", help="the last N days, in UTC (7)")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        casino, now = ready_casino(options["casino"]), timezone.now()
        with use_casino(casino.current):
            chosen = load_options(casino.options)
            report = report_exposure(casino_id=casino.pk, options=chosen, now=now, days=options["days"])
        self.stdout.write(_as_json(report) if options["json"] else "\n".join(_lines(report)))
        if report.flagged_count:
            text = "answers showed bets to users who must not get any. Look them up by their recommendation ids above."
            raise CommandError(f"{report.flagged_count} {text}")


def _as_json(report: Exposure) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def _lines(report: Exposure) -> Iterator[str]:
    if not report.days:
        yield f"No answers were recorded since {report.since:%Y-%m-%d}."
        return
    yield _HEADER
    yield from map(_line, report.days)
    yield from map(_flagged_line, report.flagged)


def _line(each: ExposureDay) -> str:
    stakes = each.stakes
    ratio = "-" if stakes.median_ratio is None else f"{stakes.median_ratio:.2f}"
    return (
        f"{each.day:%Y-%m-%d} {each.answers:9,} {each.refused_share:9.1%} {each.flagged_count:9,} {stakes.compared:9,} "
        f"{stakes.above:10,} {ratio:>7}"
    )


def _flagged_line(each: FlaggedAnswer) -> str:
    when = f"{each.timestamp:%Y-%m-%d %H:%M:%S}"
    return f"  {when} user {each.user_id}: {each.flag}, recommendation {each.recommendation_id}"

"""`manage.py evaluate`: evaluate recommenders on the history of a casino or of files."""

from argparse import ArgumentTypeError
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.errors import RecommendationError
from recommendations.evaluation.baselines import BASELINES
from recommendations.evaluation.evaluate import DEFAULT_BASELINE, evaluate, find_recommenders
from recommendations.evaluation.html import as_html
from recommendations.evaluation.report import Report
from recommendations.evaluation.store import save_report
from recommendations.evaluation.text import as_text
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.casino_history import casino_history
from recommendations.replay.csv_files import read_history
from recommendations.replay.history import History
from recommendations.serving.options import Options
from recommendations.validation.times import read_time
from tenants.management.cli.arguments import ready_casino
from tenants.management.cli.progress import ProgressBar
from tenants.numbers import as_count, as_id, as_positive, parse_decimal
from tenants.routing.context import use_casino

_UNITS = {"h": 3_600.0, "d": 86_400.0, "w": 7 * 86_400.0}


class Command(BaseCommand):
    help = (
        "Replay a history in chronological order, and report the metrics of each recommender: for a casino, whose page "
        "then shows the report (without --fit-first), or for files, which need no database."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, metavar="ID", help="evaluate on this casino's history")
        parser.add_argument("--since", type=_time, metavar="TIME", help="use the casino's history from this time on")
        parser.add_argument("--events", type=Path, metavar="CSV", help="evaluate on the events in this file")
        parser.add_argument("--coupons", type=Path, metavar="CSV", help="coupons on the events of --events")
        parser.add_argument("--odds", type=Path, metavar="CSV", help="odds changes: event_id, timestamp, odd")
        known = ", ".join(RECOMMENDERS | BASELINES)
        parser.add_argument("--recommenders", nargs="+", metavar="NAME", help=f"default: all ({known})")
        parser.add_argument("--baseline", default=DEFAULT_BASELINE, metavar="NAME", help="recommender to compare with")
        parser.add_argument("--k", type=as_positive, nargs="+", default=[3, 10], help="cutoffs of NDCG and HR (3 10)")
        parser.add_argument(
            "--test-fraction", type=_fraction, default=0.2, help="share of coupons to test, the latest (0.2)"
        )
        parser.add_argument("--refit", type=_duration, default="7d", help="interval of fitting: 12h, 7d, 4w (7d)")
        parser.add_argument(
            "--fit-first", type=as_count, metavar="N", help="fit once, to the first N coupons; 0: never"
        )
        parser.add_argument(
            "--min-prior-coupons",
            type=as_count,
            default=0,
            metavar="N",
            help="ignore bets on events with fewer earlier selections (0)",
        )
        parser.add_argument("--max-per-league", type=as_positive, metavar="N", help="most events of a league in a slip")
        parser.add_argument("--max-per-sport", type=as_positive, metavar="N", help="most events of a sport in a slip")
        parser.add_argument("--json", action="store_true", help="print one JSON document")
        parser.add_argument("--html", type=Path, metavar="FILE", help="write an HTML page with charts")

    def handle(self, *args: Any, **options: Any) -> None:
        _check(options)
        try:
            report = self._casino_report(options) if options["casino"] is not None else self._files_report(options)
        except (RecommendationError, OSError) as error:
            raise CommandError(str(error)) from error
        if options["html"] is not None:
            options["html"].write_text(as_html(report), encoding="utf-8")
        self.stdout.write(_as_json(report) if options["json"] else as_text(report))

    def _files_report(self, options: dict[str, Any]) -> Report:
        history = read_history(options["events"], options["coupons"], options["odds"])
        return self._evaluate(history, f"{options['events']}, {options['coupons']}", options)

    def _casino_report(self, options: dict[str, Any]) -> Report:
        casino, now = ready_casino(options["casino"]), timezone.now()
        with use_casino(casino.current):
            history = casino_history(casino_id=casino.pk, until=now, since=options["since"])
            report = self._evaluate(history, str(casino), options)
            if options["fit_first"] is None:  # with --fit-first, the report does not measure the served models
                save_report(report, now)
        return report

    def _evaluate(self, history: History, source: str, options: dict[str, Any]) -> Report:
        caps = {name: options[name] for name in ("max_per_league", "max_per_sport") if options[name] is not None}
        named = caps | ({} if options["fit_first"] is None else {"fit_first": options["fit_first"]})
        source += "".join(f", {name} {number}" for name, number in named.items())
        names = options["recommenders"]
        recommenders = find_recommenders(names) if names else None
        find_recommenders([options["baseline"]])
        with ProgressBar("Replaying", len(history.coupons), self.stderr) as bar:
            return evaluate(
                history,
                recommenders=recommenders,
                ks=sorted(set(options["k"])),
                baseline=options["baseline"],
                test_fraction=options["test_fraction"],
                refit=options["refit"],
                min_prior_coupons=options["min_prior_coupons"],
                source=source,
                options=Options(**caps),
                fit_first=options["fit_first"],
                on_progress=bar.advance,
            )


def _check(options: dict[str, Any]) -> None:
    has_files = options["events"] is not None and options["coupons"] is not None
    has_any = any(options[name] is not None for name in ("events", "coupons", "odds"))
    if options["casino"] is not None and has_any:
        raise CommandError("Use either --casino, or --events and --coupons, not both.")
    if options["casino"] is None and not has_files:
        raise CommandError("Choose a history: --casino ID, or --events FILE and --coupons FILE.")
    if options["casino"] is None and options["since"] is not None:
        raise CommandError("--since requires --casino.")


def _as_json(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()


def _duration(text: str) -> float:
    number = parse_decimal(text[:-1])
    if number is None or number <= 0 or text[-1] not in _UNITS:
        raise ArgumentTypeError(f"{text!r} is not a duration such as 12h, 7d or 4w")
    return float(number) * _UNITS[text[-1]]


def _fraction(text: str) -> float:
    number = parse_decimal(text)
    if number is None or not 0 < number < 1:
        raise ArgumentTypeError(f"{text!r} is not a number between 0 and 1, such as 0.2")
    return float(number)


def _time(text: str) -> datetime:
    try:
        return read_time(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} {error}") from error

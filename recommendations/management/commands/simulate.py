"""`manage.py simulate`: a casino's history, made up of users whose tastes are known."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.simulation.into_casino import store_history
from recommendations.simulation.simulate import USER_KINDS, Preferences, SimulatedCasino, simulate, write_files
from tenants.management.cli.arguments import ready_casino, whole_number
from tenants.routing.context import use_casino

_NUMBERS = ("users", "coupons", "days", "leagues", "teams")


class Command(BaseCommand):
    help = "Make up the history of a casino whose users' tastes are known: as files for evaluate, or into a casino."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--out", type=Path, metavar="FOLDER", help="write events.csv and coupons.csv there")
        where.add_argument("--casino", type=int, metavar="ID", help="store all in this casino, ending now")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same history (1)")
        parser.add_argument("--kind", choices=USER_KINDS, default="mixed", help="what the users go by (mixed)")
        for name in _NUMBERS:
            default = getattr(SimulatedCasino(), name)
            parser.add_argument(f"--{name}", type=whole_number, default=default, help=f"({default})")
        parser.add_argument("--events-a-day", type=float, default=SimulatedCasino().events_a_day, help="(12)")
        for each in fields(Preferences):
            parser.add_argument(f"--taste-{each.name}", type=float, metavar="X", help="instead of the kind's")

    def handle(self, *args: Any, **options: Any) -> None:
        preferences = USER_KINDS[options["kind"]]
        own = {each.name: options[f"taste_{each.name}"] for each in fields(Preferences)}
        preferences = replace(preferences, **{name: value for name, value in own.items() if value is not None})
        numbers = {name: options[name] for name in (*_NUMBERS, "events_a_day", "seed")}
        if options["teams"] < 2 or options["seed"] < 0 or options["events_a_day"] <= 0:
            raise CommandError("There must be at least 2 teams, a seed from 0 on, and events on some day.")
        history = simulate(SimulatedCasino(**numbers, preferences=preferences))
        said = f"{len(history.coupons):,} coupons on {len(history.events):,} events"
        if options["out"] is not None:
            write_files(history, options["out"])
            self.stdout.write(f"{options['out']}: {said}.")
            return
        casino = ready_casino(options["casino"])
        with use_casino(casino.current):
            store_history(history, timezone.now())
        self.stdout.write(f"{casino}: {said} stored.")

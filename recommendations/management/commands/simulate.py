"""`manage.py simulate`: simulate the history of a casino whose users have known preferences."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.simulation.into_casino import store_history
from recommendations.simulation.simulate import USER_KINDS, Preferences, SimulatedCasino, simulate, write_files
from tenants.management.cli.arguments import ready_casino
from tenants.numbers import as_count, as_decimal, as_id, as_positive, as_signed_decimal, counted
from tenants.routing.context import use_casino

_NUMBERS = {
    "users": "users of the casino",
    "coupons": "coupons of all users",
    "days": "length of the history",
    "leagues": "leagues of the events",
    "teams": "teams of each league",
}


class Command(BaseCommand):
    help = "Simulate the history of a casino whose users have known preferences: to files for evaluate, or to a casino."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--out", type=Path, metavar="FOLDER", help="write events.csv and coupons.csv to this folder")
        where.add_argument("--casino", type=as_id, metavar="ID", help="store the history in this casino, ending now")
        parser.add_argument("--seed", type=as_count, default=1, help="equal seeds give equal histories (1)")
        parser.add_argument("--kind", choices=USER_KINDS, default="mixed", help="the users' preferences (mixed)")
        for name, what in _NUMBERS.items():
            default = getattr(SimulatedCasino(), name)
            parser.add_argument(f"--{name}", type=as_positive, default=default, help=f"{what} ({default})")
        parser.add_argument(
            "--events-a-day", type=as_decimal, default=SimulatedCasino().events_a_day, help="events per day (12)"
        )
        for each in fields(Preferences):
            parser.add_argument(
                f"--taste-{each.name}", type=as_signed_decimal, metavar="X", help="replaces the value of --kind"
            )

    def handle(self, *args: Any, **options: Any) -> None:
        preferences = USER_KINDS[options["kind"]]
        own = {each.name: options[f"taste_{each.name}"] for each in fields(Preferences)}
        preferences = replace(preferences, **{name: value for name, value in own.items() if value is not None})
        numbers = {name: options[name] for name in (*_NUMBERS, "events_a_day", "seed")}
        if options["teams"] < 2 or options["seed"] < 0 or options["events_a_day"] <= 0:
            raise CommandError("--teams must be at least 2, --seed at least 0, and --events-a-day above 0.")
        history = simulate(SimulatedCasino(**numbers, preferences=preferences))
        totals = f"{counted(len(history.coupons), 'coupon')} on {counted(len(history.events), 'event')}"
        if options["out"] is not None:
            write_files(history, options["out"])
            self.stdout.write(f"{options['out']}: {totals}.")
            return
        casino = ready_casino(options["casino"])
        with use_casino(casino.current):
            store_history(history, timezone.now())
        self.stdout.write(f"{casino}: {totals} stored.")

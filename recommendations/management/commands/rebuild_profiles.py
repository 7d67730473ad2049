"""`manage.py rebuild_profiles`: recount profiles and tallies from the stored coupons."""

from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from recommendations.storing import prune_casino_tallies, rebuild_casino_tallies, rebuild_profiles
from tenants.management.cli.arguments import ready_casinos
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.routing.context import use_casino


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = (
        "Recount the profiles and tallies of users, and the tallies of their casinos, from the stored coupons. Storing "
        "can continue meanwhile. Required once after an upgrade from a version without tallies, and after inserting "
        "coupons with psql. In parallel: manage.py for_casinos --all --jobs 4 -- rebuild_profiles --casino {id}"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--casino", type=as_id, action="append", metavar="ID", help="this casino (repeatable)")
        which.add_argument("--all", action="store_true", help="every casino that has a complete database")
        parser.add_argument(
            "--marked", action="store_true", help="only users without tallies: continues an interrupted run"
        )

    def handle(self, *args: Any, casino: list[int] | None, marked: bool, **options: Any) -> None:
        for each in (Casino.objects.ready() if casino is None else ready_casinos(casino)).order_by("pk"):
            with use_casino(each.current):
                users = sum(rebuild_profiles(only_marked=marked))
                rebuild_casino_tallies()
                prune_casino_tallies(timezone.now())
            self.stdout.write(f"{each}: {users} profiles rebuilt.")

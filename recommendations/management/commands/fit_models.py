"""`manage.py fit_models`: fit the recommenders that learn, each casino's to its own history."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import Error
from django.utils import timezone

from recommendations.fitting import fit_models
from tenants.context import use_casino
from tenants.management.choosing import ready_casinos
from tenants.models import Casino


class Command(BaseCommand):
    help = "Fit the recommenders that learn. What was fitted is served from the next request on, without a restart."

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--casino", type=int, action="append", metavar="ID", help="this casino (repeatable)")
        which.add_argument("--all", action="store_true", help="every casino that has a complete database")

    def handle(self, *args: Any, casino: list[int] | None, **options: Any) -> None:
        casinos = Casino.objects.ready() if casino is None else ready_casinos(casino)
        for each in casinos.order_by("pk"):
            try:
                with use_casino(each.current):
                    version = fit_models(timezone.now())
            except Error as error:  # one casino's database that is away stops no other
                self.stderr.write(f"{each}: not fitted: {error}")
                continue
            self.stdout.write(f"{each}: {'too little to learn from' if version is None else f'version {version}'}")

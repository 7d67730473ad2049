"""`manage.py create_casino NAME`: a new casino with a database of its own."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import IntegrityError

from tenants.errors import ProvisioningFailed
from tenants.provisioning import create_casino


class Command(BaseCommand):
    help = "Create a casino and its database casino_<id>."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="what people call the casino; must be new")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        if not 0 < len(name.strip()) <= 100:
            raise CommandError("A casino's name has 1 to 100 characters.")
        try:
            casino = create_casino(name.strip())
        except IntegrityError as error:
            raise CommandError(f"There is a casino named {name!r} already.") from error
        except ProvisioningFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Casino {casino.pk} ({casino.name}) is ready: database {casino.db_name}.")

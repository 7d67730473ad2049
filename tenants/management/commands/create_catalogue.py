"""`manage.py create_catalogue`: creates and migrates the catalogue database."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from tenants.databases.catalogue import ensure_catalogue
from tenants.errors import LifecycleError


class Command(BaseCommand):
    help = "Create the catalogue database if it is missing, and migrate it."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ensure_catalogue()
        except LifecycleError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"The catalogue {connections['default'].settings_dict['NAME']} is ready.")

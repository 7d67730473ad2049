"""`manage.py create_catalogue`: creates and migrates the catalogue database."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connections

from tenants.databases.catalogue import ensure_catalogue


class Command(BaseCommand):
    help = "Create the catalogue database if it is missing, and migrate it."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        ensure_catalogue()
        self.stdout.write(f"The catalogue {connections['default'].settings_dict['NAME']} is ready.")

"""`manage.py create_topics`: creates missing topics."""

from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from ingestion.errors import BrokerUnavailable
from ingestion.topics import create_topics


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = "Create missing topics, with three partitions each. Waits for a starting broker."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = create_topics()
        except BrokerUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Created: {', '.join(created)}." if created else "All topics exist already.")

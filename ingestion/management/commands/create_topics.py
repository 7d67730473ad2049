"""`manage.py create_topics`: the topics, made if they are missing."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.errors import BrokerUnavailable
from ingestion.topics import create_topics


class Command(BaseCommand):
    help = "Make the topics that are missing, three partitions each; wait for a broker that is still starting."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            created = create_topics()
        except BrokerUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Created: {', '.join(created)}." if created else "All topics are there.")

"""`manage.py configure`: the first configuration of a casino."""

import json
from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.recommenders.registry import DEFAULT_RECOMMENDER, RECOMMENDERS
from recommendations.services import patch_configuration
from tenants.management.cli.arguments import ready_casino
from tenants.numbers import as_id


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = "Configure a new casino with a recommender and the default recommendation schema, and print the schema."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        parser.add_argument(
            "--recommender", choices=list(RECOMMENDERS), default=DEFAULT_RECOMMENDER, help="default: %(default)s"
        )

    def handle(self, *args: Any, casino: int, recommender: str, **options: Any) -> None:
        chosen = ready_casino(casino)
        if chosen.is_configured:
            raise CommandError(
                f"{chosen} is configured already, with the recommender {chosen.recommender_type}. Change that with "
                "PATCH /config, or on the casino's page of the dashboard."
            )
        configured = patch_configuration(casino=chosen, patch={"recommender_type": recommender}, now=timezone.now())
        self.stdout.write(f"{configured} is configured with the recommender {recommender} and this schema:")
        self.stdout.write(json.dumps(configured.recommendation_schema, indent=2))

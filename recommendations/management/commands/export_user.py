"""`manage.py export_user`: export a user's stored data as JSON."""

from typing import Any

import msgspec
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from recommendations.errors import UserNotFound
from recommendations.storing.privacy import export_user
from recommendations.validation.own_ids import OwnId, as_own_id
from tenants.management.cli.arguments import operator_name, ready_casino
from tenants.numbers import as_id
from tenants.routing.context import use_casino


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = "Print all stored data of a user, as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        parser.add_argument("user_id", type=as_own_id, metavar="USER", help="the casino's own id of the user")

    def handle(self, *args: Any, casino: int, user_id: OwnId, **options: Any) -> None:
        chosen = ready_casino(casino)
        try:
            with use_casino(chosen.current):
                found = export_user(casino=chosen, user_id=user_id, by=operator_name())
        except UserNotFound as error:
            raise CommandError(f"{chosen} has no data of user {user_id}.") from error
        self.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())

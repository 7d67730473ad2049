"""`manage.py forget_user`: erases a user of a casino, or all previously erased users again."""

from typing import Any

from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from recommendations.errors import UserNotFound
from recommendations.storing.privacy import erased_users, forget_user, reapply_erasure
from recommendations.validation.own_ids import OwnId, as_own_id
from tenants.management.cli.arguments import operator_name, ready_casino
from tenants.models import Casino
from tenants.numbers import as_id, counted
from tenants.routing.context import use_casino


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the others import all URLs and pages
    help = (
        "Erase all data of a user: row, profile, tallies, coupons, served recommendations, waiting coupons, and dead "
        "letters. --again erases all previously erased users of the audit log again, as after a restore."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("user_id", type=as_own_id, nargs="?", metavar="USER", help="the casino's own id of the user")
        which.add_argument("--again", action="store_true", help="all previously erased users")

    def handle(self, *args: Any, casino: int, user_id: OwnId | None, again: bool, **options: Any) -> None:
        chosen = ready_casino(casino)
        if user_id is None:
            self._erase_again(chosen)
        else:
            self._erase(chosen, user_id)

    def _erase(self, casino: Casino, user_id: OwnId) -> None:
        try:
            with use_casino(casino.current):
                erased = forget_user(casino=casino, user_id=user_id, by=operator_name(), now=timezone.now())
        except UserNotFound as error:
            raise CommandError(f"{casino} has no data of user {user_id}.") from error
        rows = ", ".join(f"{count} {table}" for table, count in erased.items() if count)
        self.stdout.write(f"User {user_id} of {casino} erased: {rows}.")

    def _erase_again(self, casino: Casino) -> None:
        erased = erased_users(casino)
        with use_casino(casino.current):
            restored = [user_id for user_id, erased_at in erased.items() if reapply_erasure(user_id, erased_at)]
        self.stdout.write(
            f"{len(restored)} of {counted(len(erased), 'erased user')} of {casino} had data again; it is now erased."
        )

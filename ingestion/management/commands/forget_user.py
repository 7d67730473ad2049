"""`manage.py forget_user`: erase a user of a casino, or all again who were erased before."""

from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ingestion.dead_letters.erase_user import purge_dead_letters_of
from ingestion.errors import IngestionError
from recommendations.errors import UserNotFound
from recommendations.privacy import erased_users, forget_user, reapply_erasure
from recommendations.storing.erasure import is_user_again_since
from tenants.management.cli.arguments import ready_casino, operator_name
from tenants.models import Casino
from tenants.routing.context import use_casino


class Command(BaseCommand):
    help = (
        "Erase a user with all that is kept of them: rows, profile, tallies, coupons, what they were shown, what waits "
        "for them, and dead letters. --again does so for all whom the audit log says to be erased: after a restore, "
        "and for the dead letters of those whom the API erased."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=int, required=True, metavar="ID", help="the casino's id")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("user_id", type=int, nargs="?", metavar="USER", help="the user's id")
        which.add_argument("--again", action="store_true", help="all who were erased before")

    def handle(self, *args: Any, casino: int, user_id: int | None, again: bool, **options: Any) -> None:
        chosen = ready_casino(casino)
        if user_id is None:
            users = self._again(chosen)
        else:
            users = {user_id: None}
            self._forget(chosen, user_id)
        try:
            purged = purge_dead_letters_of(chosen.pk, users)
        except (IngestionError, KafkaException) as error:
            raise CommandError(
                f"Kafka does not answer, so that dead letters may be left: {error}. `--again` goes on."
            ) from error
        self.stdout.write(f"{purged} dead letters purged.")

    def _forget(self, casino: Casino, user_id: int) -> None:
        try:
            with use_casino(casino.current):
                erased = forget_user(casino=casino, user_id=user_id, by=operator_name(), now=timezone.now())
        except UserNotFound as error:
            raise CommandError(f"{casino} has nothing of a user {user_id}.") from error
        rows = ", ".join(f"{count} {table}" for table, count in erased.items() if count)
        self.stdout.write(f"User {user_id} of {casino} is erased: {rows}.")

    def _again(self, casino: Casino) -> dict[int, datetime | None]:
        """Until when each user's dead letters are to go: of who is a user again, not those that came since."""
        erased = erased_users(casino)
        with use_casino(casino.current):
            back = [user_id for user_id, erased_at in erased.items() if reapply_erasure(user_id, erased_at)]
            users = {
                each: erased_at if is_user_again_since(each, erased_at) else None for each, erased_at in erased.items()
            }
        self.stdout.write(f"{len(back)} of {len(erased)} users who were erased from {casino} had come back.")
        return users

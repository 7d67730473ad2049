"""`manage.py forget_user`: erases a user of a casino, or all previously erased users again."""

from datetime import datetime
from typing import Any

from confluent_kafka import KafkaException
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ingestion.dead_letters.erase_user import purge_dead_letters_of
from ingestion.errors import IngestionError
from recommendations.errors import UserNotFound
from recommendations.storing.erasure import is_stored_again_since
from recommendations.storing.privacy import erased_users, forget_user, reapply_erasure
from recommendations.text_ids import Kind, id_of, texts_of
from recommendations.validation.own_ids import OwnId, as_own_id
from tenants.management.cli.arguments import operator_name, ready_casino
from tenants.models import Casino
from tenants.numbers import as_id
from tenants.routing.context import use_casino


class Command(BaseCommand):
    help = (
        "Erase all data of a user: row, profile, tallies, coupons, served recommendations, waiting coupons, and dead "
        "letters. --again erases all previously erased users of the audit log again: after a restore, and for the dead "
        "letters of users erased by the API."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, required=True, metavar="ID", help="the casino's id")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("user_id", type=as_own_id, nargs="?", metavar="USER", help="the casino's own id of the user")
        which.add_argument("--again", action="store_true", help="all previously erased users")

    def handle(self, *args: Any, casino: int, user_id: OwnId | None, again: bool, **options: Any) -> None:
        chosen = ready_casino(casino)
        users: dict[OwnId, datetime | None]
        if user_id is None:
            users = self._again(chosen)
        else:
            self._forget(chosen, user_id)
            with use_casino(chosen.current):
                users = {user_id: None, str(id_of(Kind.USERS, user_id)): None}
        try:
            purged = purge_dead_letters_of(chosen.pk, users)
        except (IngestionError, KafkaException) as error:
            raise CommandError(
                f"Kafka failed, so dead letters may be left: {error}. Repeat with --again to purge them."
            ) from error
        self.stdout.write(f"{purged} dead letters purged.")

    def _forget(self, casino: Casino, user_id: OwnId) -> None:
        try:
            with use_casino(casino.current):
                erased = forget_user(casino=casino, user_id=user_id, by=operator_name(), now=timezone.now())
        except UserNotFound as error:
            raise CommandError(f"{casino} has no data of user {user_id}.") from error
        rows = ", ".join(f"{count} {table}" for table, count in erased.items() if count)
        self.stdout.write(f"User {user_id} of {casino} erased: {rows}.")

    def _again(self, casino: Casino) -> dict[OwnId, datetime | None]:
        """The casino's own and the stored id -> end of the purged dead letters; None: all. A user who registered again
        keeps later ones."""
        erased = erased_users(casino)
        with use_casino(casino.current):
            restored = [user_id for user_id, erased_at in erased.items() if reapply_erasure(user_id, erased_at)]
            texts = texts_of(erased)
            users = {
                own: erased_at if is_stored_again_since(each, erased_at) else None
                for each, erased_at in erased.items()
                for own in {texts.get(each, each), str(each)}
            }
        self.stdout.write(
            f"{len(restored)} of {len(erased)} erased users of {casino} had data again; it is now erased."
        )
        return users

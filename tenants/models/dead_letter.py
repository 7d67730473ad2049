"""Dead letters: the columns of both their tables, and the catalogue's table for dead letters without a known casino."""

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q


class DeadLetterState(models.TextChoices):
    OPEN = "open"
    REPLAYED = "replayed"
    PURGED = "purged"


class DeadLetterColumns(models.Model):
    """A rejected message, byte for byte, and the reason for its rejection.

    `place` is the message's origin; no two dead letters have the same. `sent_at` is the sender's time of the first
    sending, also after a replay; the time of the rejection if that is earlier. `headers` are a JSON array of names and
    values in base64, since their order and repetition count; null if a name is not UTF-8. `size` is the bytes of value,
    key and headers. `user_id` is the user's id in the message, if it is readable; `other_user_ids` are the other users'
    ids in a document about several users. A purged dead letter has no content.
    """

    topic = models.CharField(max_length=255)
    partition = models.IntegerField()
    place = models.TextField()
    sent_at = models.DateTimeField()
    key = models.BinaryField(null=True)
    value = models.BinaryField(null=True)
    headers = models.TextField(null=True)
    size = models.BigIntegerField()
    user_id = models.TextField(null=True)
    other_user_ids = models.JSONField(null=True)
    reason = models.CharField(max_length=30)
    field = models.TextField(blank=True)
    detail = models.TextField(blank=True)
    sqlstate = models.CharField(max_length=5, blank=True)
    attempts = models.IntegerField()
    replays = models.IntegerField()
    state = models.CharField(max_length=10, default=DeadLetterState.OPEN)
    rejected_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(name="%(class)s_place", fields=["place"]),
            models.CheckConstraint(
                name="%(class)s_is_closed",
                condition=Q(state=DeadLetterState.OPEN, closed_at=None)
                | Q(state__in=(DeadLetterState.REPLAYED, DeadLetterState.PURGED), closed_at__isnull=False),
            ),
        ]
        indexes = [
            # lists of open dead letters, and their number and bytes
            models.Index(
                name="%(class)s_open",
                fields=["rejected_at", "id"],
                include=["size"],
                condition=Q(state=DeadLetterState.OPEN),
            ),
            # erasing the user `user_id`
            models.Index(name="%(class)s_user", fields=["user_id"], condition=Q(user_id__isnull=False)),
            # erasing one of several users
            GinIndex(name="%(class)s_others", fields=["other_user_ids"], condition=Q(other_user_ids__isnull=False)),
            # deleting those that were closed long ago
            models.Index(name="%(class)s_closed", fields=["closed_at"], condition=Q(closed_at__isnull=False)),
        ]

    @property
    def user_ids(self) -> list[str]:
        """The ids of all users in the message."""
        return [] if self.user_id is None else [self.user_id, *(self.other_user_ids or ())]


class UnassignedDeadLetter(DeadLetterColumns):
    """A dead letter without a known casino. `casino_id` is the casino id in the message, if it has one."""

    casino_id = models.BigIntegerField(null=True)

    class Meta(DeadLetterColumns.Meta):
        db_table = "unassigned_dead_letters"

    def __str__(self) -> str:
        return f"{self.reason}: {self.place}"

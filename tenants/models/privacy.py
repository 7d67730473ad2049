"""The audit log of users' erasures and exports."""

from django.db import models


class PrivacyAction(models.TextChoices):
    ERASED = "erased"
    EXPORTED = "exported"


class PrivacyRecord(models.Model):
    """An erasure or an export. The catalogue has it, so that restoring a casino's backup does not lose it: users erased
    since the backup are erased again. Only the casino's own id of the user is stored, as text: the number of a text id
    in one database may be another text's after a restore.

    The record is written first; `done_at` stays null if the action failed or was interrupted. `casino_id` is no foreign
    key: the log outlives the casino.
    """

    casino_id = models.BigIntegerField()
    user_id = models.CharField(max_length=128)
    action = models.CharField(max_length=16)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "privacy_records"
        indexes = [
            # the erased users of a casino; the records of one user
            models.Index(name="privacy_casino_user", fields=["casino_id", "user_id", "id"]),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of casino {self.casino_id} {self.action} by {self.asked_by}"

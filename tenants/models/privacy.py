"""Who asked for users to be erased, or for what is kept of them."""

from django.db import models


class PrivacyAction(models.TextChoices):
    ERASED = "erased"
    EXPORTED = "exported"


class PrivacyRecord(models.Model):
    """The audit log. It stands in the catalogue, so that a casino's restored backup does not lose it: whoever was
    erased since is erased again by it. Of the user there is the id alone.

    Written before anything is done; `done_at` stays null where that failed. The casino is a number, and no relation:
    the log outlives it.
    """

    casino_id = models.BigIntegerField()
    user_id = models.BigIntegerField()
    action = models.CharField(max_length=16)
    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "privacy_records"
        indexes = [
            # whom a casino has erased; what was done about one user
            models.Index(name="privacy_casino_user", fields=["casino_id", "user_id", "id"]),
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of casino {self.casino_id} {self.action} by {self.asked_by}"

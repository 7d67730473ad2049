"""Changes that wait for their rows."""

from django.db import models

from tenants.orm.model import CasinoModel


class WaitingChange(CasinoModel):
    """A change, by a message of `timestamp`, of the row `key` (an id or a natural key) of the table `kind`, which is
    not stored yet. `subject` is the changed value: a status, a limit or a withholding."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=40)
    subject = models.CharField(max_length=30)
    timestamp = models.DateTimeField()
    change = models.JSONField()

    class Meta:
        db_table = "waiting_changes"
        constraints = [
            # also the index for finding the changes of each new row
            models.UniqueConstraint(name="waiting_change_unique", fields=["kind", "key", "subject"]),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.kind} {self.key}"

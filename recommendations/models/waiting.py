"""Changes that wait for their rows."""

from django.db import models

from tenants.orm.model import CasinoModel


class WaitingChange(CasinoModel):
    """The change of a message of this time to the row `key` (an id or a natural key) of the table `kind`, before the
    row was stored: a status, a limit or a withholding (`subject`)."""

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

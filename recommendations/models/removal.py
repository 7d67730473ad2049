"""What a casino has removed, so that a message of before does not bring it back."""

from django.db import models

from tenants.orm.model import CasinoModel


class RemovedRow(CasinoModel):
    """The casino's row `row_id` of the table `kind` was removed as of `timestamp`."""

    kind = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    timestamp = models.DateTimeField()

    class Meta:
        db_table = "removed_rows"
        constraints = [
            # also the index of "was this row removed?", asked at each row stored
            models.UniqueConstraint(name="removed_row_unique", fields=["kind", "row_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"

"""Removed rows: an older message does not store them again."""

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
            # also the index for checking whether a row was removed, at each row stored
            models.UniqueConstraint(name="removed_row_unique", fields=["kind", "row_id"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"

"""The values in a casino's messages."""

from django.db import models
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel


class LearntValue(CasinoModel):
    """A sport of the casino's events, or a currency or gender of its users, since `learnt_at`.

    The number of values is bounded for a casino without a list of the values that it offers.
    """

    class Kind(models.TextChoices):
        SPORT = "sport"
        CURRENCY = "currency"
        GENDER = "gender"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    value = models.CharField(max_length=50)
    learnt_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        db_table = "learnt_values"
        constraints = [
            # also the index for finding the unknown ones of a batch, and for the admin's filters
            models.UniqueConstraint(name="learnt_value_unique", fields=["kind", "value"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"

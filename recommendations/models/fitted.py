"""What was fitted to a casino's history."""

from django.db import models
from django.db.models.functions import Now

from tenants.casino_model import CasinoModel


class FittedModel(CasinoModel):
    """One recommender's model. All of one `version` were fitted together, to so many `coupons`; the highest serves."""

    version = models.PositiveIntegerField()
    recommender = models.CharField(max_length=64)
    fitted = models.BinaryField()
    fitted_at = models.DateTimeField(db_default=Now())
    coupons = models.BigIntegerField()

    class Meta:
        db_table = "fitted_models"
        constraints = [
            # also the index of "the highest version" and of its models
            models.UniqueConstraint(name="fitted_model_unique", fields=["version", "recommender"]),
        ]

    def __str__(self) -> str:
        return f"{self.recommender}, version {self.version}"

"""Models fitted to a casino's history."""

from django.db import models
from django.db.models.functions import Now

from tenants.orm.model import CasinoModel


class FittedModel(CasinoModel):
    """One recommender's model. All models of a `version` were fitted together, to `coupons` coupons between `since` and
    `until`; the highest version with `is_served` is active. `scores` has the score of each kind of model on held-out
    cases, the chosen `kind` and `start`, and the numbers of `cases` and `users` of the fit.

    An empty version is one row with the recommender "none" and an empty `fitted`. An erasure stores it if there is no
    version, so that processes restart their counts."""

    version = models.PositiveIntegerField()
    recommender = models.CharField(max_length=64)
    fitted = models.BinaryField()
    fitted_at = models.DateTimeField(db_default=Now())
    coupons = models.BigIntegerField()
    is_served = models.BooleanField(default=True, db_default=True)
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    scores = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))

    class Meta:
        db_table = "fitted_models"
        constraints = [
            # also the index of "the highest version" and of its models
            models.UniqueConstraint(name="fitted_model_unique", fields=["version", "recommender"]),
        ]

    def __str__(self) -> str:
        return f"{self.recommender}, version {self.version}"

"""Evaluations of recommenders."""

from django.db import models

from tenants.orm.model import CasinoModel


class Evaluation(CasinoModel):
    """An evaluation of the recommenders on the casino's own history; `report` is a `Report` as JSON."""

    evaluated_at = models.DateTimeField()
    report = models.JSONField()

    class Meta:
        db_table = "evaluations"
        indexes = [
            # the last evaluation
            models.Index(name="evaluation_latest", fields=["-evaluated_at", "-id"]),
        ]

    def __str__(self) -> str:
        return f"evaluation of {self.evaluated_at:%Y-%m-%d %H:%M}"

"""Experiments of casinos."""

from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import F, Q

from tenants.orm.fields import OrderedJSONField

from .casino import Casino


class ExperimentState(models.TextChoices):
    DRAFT = "draft"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    STOPPED = "stopped"


class ExperimentQuerySet(models.QuerySet["Experiment"]):
    def live(self, now: datetime) -> "ExperimentQuerySet":
        """Experiments that are started, and not stopped at `now`: scheduled or running."""
        return self.filter(Q(stops_at__isnull=True) | Q(stops_at__gt=now), starts_at__isnull=False)


class Experiment(models.Model):
    """An experiment of a casino: the variant that each of its users gets, from `starts_at` until `stops_at`.

    `definition` is the posted experiment, with the fields of `recommendations.experiments.definition`. `salt`, a random
    text, and a user's id determine the user's place; users with a place in `ranges`, pairs of ten thousandths, take
    part. Both times are null in a draft; `stops_at` is null if no end is planned. The state follows from these times
    alone, so that no process has to change it.
    """

    casino = models.ForeignKey(Casino, models.PROTECT, related_name="experiments")
    name = models.CharField(max_length=40)
    definition = OrderedJSONField()
    salt = models.CharField(max_length=32, editable=False)
    ranges = models.JSONField(default=list, editable=False)
    starts_at = models.DateTimeField(null=True, editable=False)
    stops_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(editable=False)
    created_by = models.CharField(max_length=200, editable=False)
    started_by = models.CharField(max_length=200, blank=True, editable=False)
    stopped_by = models.CharField(max_length=200, blank=True, editable=False)

    objects = ExperimentQuerySet.as_manager()

    class Meta:
        db_table = "experiments"
        constraints = [
            # its index also serves the list of a casino's experiments
            models.UniqueConstraint(name="experiment_name_unique", fields=["casino", "name"]),
            models.CheckConstraint(
                name="experiment_stops_after_start",
                condition=Q(stops_at__isnull=True) | Q(starts_at__isnull=False, stops_at__gte=F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (casino {self.casino_id})"

    def state_at(self, now: datetime) -> ExperimentState:
        if self.starts_at is None:
            return ExperimentState.DRAFT
        if self.stops_at is not None and self.stops_at <= now:
            return ExperimentState.STOPPED
        return ExperimentState.SCHEDULED if now < self.starts_at else ExperimentState.RUNNING

    @property
    def kind(self) -> Any:
        return self.definition["kind"]

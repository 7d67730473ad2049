"""The catalogue: one row a casino."""

from django.db import models
from django.db.models import Q

from .context import CurrentCasino
from .fields import OrderedJSONField


class CasinoState(models.TextChoices):
    """Where a casino is in its life; only an active one takes requests and messages."""

    REQUESTED = "requested"
    CREATING = "creating"
    ACTIVE = "active"
    FAILED = "failed"


class CasinoQuerySet(models.QuerySet["Casino"]):
    def active(self) -> "CasinoQuerySet":
        return self.filter(state=CasinoState.ACTIVE)


class Casino(models.Model):
    """A tenant: its database, its state, and how it wants its recommendations.

    `recommender_type`, `recommendation_schema` and `timestamp` (of their last change) are null until configured.
    """

    name = models.CharField(max_length=100, unique=True)
    db_name = models.CharField(max_length=63, unique=True, null=True, editable=False)
    state = models.CharField(max_length=16, default=CasinoState.REQUESTED, editable=False)
    state_detail = models.TextField(blank=True, editable=False)
    recommender_type = models.CharField(max_length=64, null=True, blank=True)
    recommendation_schema = OrderedJSONField(null=True, blank=True)
    timestamp = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CasinoQuerySet.as_manager()

    class Meta:
        db_table = "casinos"
        constraints = [
            models.CheckConstraint(
                name="casino_active_has_database",
                condition=~Q(state=CasinoState.ACTIVE) | Q(db_name__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} (casino {self.pk})"

    @property
    def is_configured(self) -> bool:
        return bool(self.recommender_type and self.recommendation_schema)

    @property
    def current(self) -> CurrentCasino:
        """This casino as `use_casino` takes it."""
        if self.db_name is None:
            raise ValueError(f"{self} has no database yet.")
        return CurrentCasino(id=self.pk, db_name=self.db_name)

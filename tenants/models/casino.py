"""Casinos, the catalogue's main table."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from tenants.current_casino import CurrentCasino
from tenants.orm.fields import OrderedJSONField
from tenants.process_state import register
from tenants.ttl_cache import TtlCache

from .placement import CasinoDatabase, DatabaseServer


class CasinoState(models.TextChoices):
    """`tenants.lifecycle.states` has the transitions."""

    REQUESTED = "requested"
    CREATING = "creating"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    MOVING = "moving"  # moving to another server: read-only
    DELETING = "deleting"
    DELETED = "deleted"
    FAILED = "failed"


# States in which a casino's database is complete.
READY_STATES = (CasinoState.ACTIVE, CasinoState.SUSPENDED, CasinoState.MOVING)
ENDED_STATES = (CasinoState.DELETING, CasinoState.DELETED)


# Caches casinos in service only. A casino out of service is looked up each time, so that its return is noticed at once.
casino_cache: TtlCache[int, Any] = TtlCache()
register("cached casinos", reset=casino_cache.reset)


class CatalogueQuerySet(models.QuerySet["Casino"]):
    def active(self) -> "CatalogueQuerySet":
        return self.filter(state=CasinoState.ACTIVE)

    def ready(self) -> "CatalogueQuerySet":
        """Casinos with a complete database."""
        return self.filter(state__in=READY_STATES)

    def find(self, casino_id: int) -> "Casino | None":
        """The casino with this id, cached for `CATALOGUE_LEASE_SECONDS`; None if there is none."""
        row = casino_cache.get_or_load(
            casino_id, lambda: self.filter(pk=casino_id).values_list(named=True).first(), cache_if=is_served
        )
        return None if row is None else Casino.from_db(self.db, row._fields, row)  # a new object for each caller

    def living(self) -> "CatalogueQuerySet":
        return self.exclude(state=CasinoState.DELETED)


def is_served(row: Any) -> bool:
    return row.state in (CasinoState.ACTIVE, CasinoState.MOVING)


class Casino(models.Model):
    """A tenant: its database, its state, and its configuration of recommendations.

    `recommender_type`, `recommendation_schema` and `timestamp` (of their last change) are null until configured;
    `options` are the casino's further settings, or null. `running_experiments` are the scheduled and running ones with
    all fields that a request needs, or null: a request reads no other table. `server`, `db_name` and `generation` (0:
    none yet) identify the casino's current database; `schema_version` is that database's. `identity` is in the database
    too, so that another casino's database is recognised. `request_rate` (requests a second) and `request_bytes`: null
    means the settings' limit, 0 no limit.
    """

    name = models.CharField(max_length=100)
    identity = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    db_name = models.CharField(max_length=63, null=True, editable=False)
    server = models.ForeignKey(DatabaseServer, models.PROTECT, null=True, editable=False, related_name="casinos")
    generation = models.PositiveIntegerField(default=0, editable=False)
    schema_version = models.CharField(max_length=16, blank=True, editable=False)
    copied_from = models.ForeignKey("self", models.PROTECT, null=True, editable=False, related_name="copies")
    state = models.CharField(max_length=16, default=CasinoState.REQUESTED, editable=False)
    state_detail = models.TextField(blank=True, editable=False)
    recommender_type = models.CharField(max_length=64, null=True, blank=True)
    recommendation_schema = OrderedJSONField(null=True, blank=True)
    options = OrderedJSONField(null=True, blank=True)
    running_experiments = models.JSONField(null=True, editable=False)
    timestamp = models.DateTimeField(null=True, blank=True, editable=False)
    request_rate = models.PositiveIntegerField(null=True, blank=True)
    request_bytes = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CatalogueQuerySet.as_manager()

    class Meta:
        db_table = "casinos"
        constraints = [
            models.CheckConstraint(
                name="casino_ready_has_database",
                condition=~Q(state__in=READY_STATES) | Q(db_name__isnull=False, server__isnull=False),
            ),
            # a deleted casino's name can be reused
            models.UniqueConstraint(
                name="casino_name_unique", fields=["name"], condition=~Q(state=CasinoState.DELETED)
            ),
            models.UniqueConstraint(name="casino_database_unique", fields=["server", "db_name"]),
        ]

    def __str__(self) -> str:
        return f"{self.name} (casino {self.pk})"

    @property
    def is_configured(self) -> bool:
        return bool(self.recommender_type and self.recommendation_schema)

    @property
    def current(self) -> CurrentCasino:
        """This casino with its current database, for `use_casino`. Raises ValueError if it has none yet."""
        if self.db_name is None or self.server_id is None:
            raise ValueError(f"{self} has no database yet.")
        return CurrentCasino(self.id, self.db_name, self.server_id, self.generation, self.identity)

    def at(self, database: CasinoDatabase) -> CurrentCasino:
        """This casino with one of its databases, current or not."""
        return CurrentCasino(self.pk, database.db_name, database.server_id, database.generation, self.identity)

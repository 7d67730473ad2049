"""The catalogue's heart: one row a casino."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q

from tenants.current_casino import CurrentCasino
from tenants.orm.fields import OrderedJSONField
from tenants.ttl_cache import TtlCache

from .placement import DatabaseServer


class CasinoState(models.TextChoices):
    """Where a casino is in its life. `tenants.lifecycle.states` says what may follow what."""

    REQUESTED = "requested"
    CREATING = "creating"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    MOVING = "moving"  # on its way to another server: read, not written
    DELETING = "deleting"
    DELETED = "deleted"
    FAILED = "failed"


# States in which a casino's database is complete.
READY_STATES = (CasinoState.ACTIVE, CasinoState.SUSPENDED, CasinoState.MOVING)
ENDED_STATES = (CasinoState.DELETING, CasinoState.DELETED)


# Of casinos that are served: a process that refuses one asks anew each time, and sees at once when that is over.
casino_cache: TtlCache[int, Any] = TtlCache()


class CatalogueQuerySet(models.QuerySet["Casino"]):
    def active(self) -> "CatalogueQuerySet":
        return self.filter(state=CasinoState.ACTIVE)

    def ready(self) -> "CatalogueQuerySet":
        """Those that have a complete database."""
        return self.filter(state__in=READY_STATES)

    def find(self, casino_id: int) -> "Casino | None":
        """The casino of this id, as it was asked for at most `CATALOGUE_LEASE_SECONDS` ago."""
        row = casino_cache.ask(
            casino_id, lambda: self.filter(pk=casino_id).values_list(named=True).first(), keep_if=is_served
        )
        return None if row is None else Casino.from_db(self.db, row._fields, row)  # an object of the caller's own

    def living(self) -> "CatalogueQuerySet":
        return self.exclude(state=CasinoState.DELETED)


def is_served(row: Any) -> bool:
    return row.state in (CasinoState.ACTIVE, CasinoState.MOVING)


class Casino(models.Model):
    """A tenant: its database, its state, and how it wants its recommendations.

    `recommender_type`, `recommendation_schema` and `timestamp` (of their last change) are null until configured;
    `options` are what the casino has set beside them, null for nothing.
    `server`, `db_name` and `generation` (0: none yet) say which database is the casino's now; `schema_version` says
    which migrations that one has. `identity` stands in the database too, so that one of another casino's is recognised.
    `request_rate` (requests a second) and `request_bytes` are null where the settings' hold, 0 for no limit.
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
            # A deleted casino's name may be given again.
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
        """This casino as `use_casino` takes it."""
        return self.at_generation(self.generation, self.server_id, self.db_name)

    def at_generation(self, generation: int, server: str | None, db_name: str | None) -> CurrentCasino:
        """This casino in one of its databases, which need not be the present one."""
        if db_name is None or server is None:
            raise ValueError(f"{self} has no database yet.")
        return CurrentCasino(id=self.pk, db_name=db_name, server=server, generation=generation, identity=self.identity)

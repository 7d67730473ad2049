"""The PostgreSQL servers, and the casinos' databases on them."""

from django.core.validators import RegexValidator
from django.db import models


class ServerState(models.TextChoices):
    OPEN = "open"  # accepts new casinos, while it has room
    CLOSED = "closed"  # accepts no new casinos


class DatabaseServer(models.Model):
    """A PostgreSQL server. Its address is not here but in the environment: `DATABASE_SERVER_<NAME>_URL`.

    The server `main` is the catalogue's own (`DATABASE_URL`). `capacity` is in casinos; null means no limit.
    """

    name = models.CharField(
        primary_key=True,
        max_length=32,
        validators=[RegexValidator(r"^[a-z0-9]+\Z", "A server's name has small letters and digits only.")],
    )
    capacity = models.PositiveIntegerField(null=True, blank=True)
    state = models.CharField(max_length=8, default=ServerState.OPEN)

    class Meta:
        db_table = "database_servers"

    def __str__(self) -> str:
        return self.name


class CasinoDatabase(models.Model):
    """A casino's database; the row is created before the database and deleted after it.

    The casino's own `generation` is its current database. A higher one is unfinished; a lower one is retired.
    """

    casino = models.ForeignKey("Casino", models.PROTECT, related_name="databases")
    generation = models.PositiveIntegerField()
    server = models.ForeignKey(DatabaseServer, models.PROTECT, related_name="databases")
    db_name = models.CharField(max_length=63)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "casino_databases"
        constraints = [
            models.UniqueConstraint(name="casino_database_generation_unique", fields=["casino", "generation"]),
            models.UniqueConstraint(name="casino_database_place_unique", fields=["server", "db_name"]),
        ]

    def __str__(self) -> str:
        return f"{self.db_name} on {self.server_id}"

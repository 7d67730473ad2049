"""Schema versions of casinos' databases, and the runs of `migrate_casinos`."""

from django.db import models

from .casino import Casino


class SchemaVersion(models.Model):
    """A set of migrations, by its fingerprint; `migrations` lists them as `app.name`."""

    fingerprint = models.CharField(primary_key=True, max_length=16)
    migrations = models.JSONField()

    class Meta:
        db_table = "schema_versions"

    def __str__(self) -> str:
        return self.fingerprint


class MigrationRun(models.Model):
    """One run of `migrate_casinos`. `finished_at` stays null if it was interrupted."""

    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)
    target = models.CharField(max_length=16)
    up_to_date = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "migration_runs"

    def __str__(self) -> str:
        return f"run {self.pk} of {self.started_at:%Y-%m-%d %H:%M}"


class MigrationOutcome(models.TextChoices):
    PENDING = "pending"
    MIGRATED = "migrated"
    FAILED = "failed"


class CasinoMigration(models.Model):
    """A run's outcome for one casino: the applied migrations (as `app.name`) or the error. `seconds`: its duration."""

    run = models.ForeignKey(MigrationRun, models.CASCADE, related_name="casinos")
    casino = models.ForeignKey(Casino, models.CASCADE, related_name="migrations")
    outcome = models.CharField(max_length=8, default=MigrationOutcome.PENDING)
    applied = models.JSONField(default=list)
    error = models.TextField(blank=True)
    seconds = models.FloatField(null=True)

    class Meta:
        db_table = "casino_migrations"
        constraints = [models.UniqueConstraint(name="casino_migration_once_a_run", fields=["run", "casino"])]

    def __str__(self) -> str:
        return f"{self.casino_id}: {self.outcome}"

"""Django's `migrate`, which skips the casinos' migrations in the catalogue."""

from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management.commands import migrate
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tenants.current_casino import CATALOGUE


class Command(migrate.Command):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages

    def handle(self, *args: Any, **options: Any) -> None:
        is_partial = options["app_label"] or options["plan"] or options["check_unapplied"]
        if options["database"] == CATALOGUE and not is_partial:
            _record_casino_apps()
        super().handle(*args, **options)


def _record_casino_apps() -> None:
    """Record the casino apps' migrations, which the router makes empty in the catalogue, as applied there. Django would
    compute the states of their models for each operation: most of the time of a fresh installation."""
    recorder = MigrationRecorder(connections[CATALOGUE])
    recorder.ensure_schema()
    on_disk = MigrationLoader(None).disk_migrations
    missing = sorted(key for key in on_disk.keys() - recorder.applied_migrations() if key[0] in settings.CASINO_APPS)
    recorder.migration_qs.bulk_create(recorder.Migration(app=app, name=name) for app, name in missing)

"""The recommendations app's own migrations and one more, for `settings.MIGRATION_MODULES`."""

from recommendations import migrations

__path__ = [*__path__, *migrations.__path__]

"""The recommendations app's migrations plus one, for `settings.MIGRATION_MODULES`."""

from recommendations import migrations

__path__ = [*__path__, *migrations.__path__]

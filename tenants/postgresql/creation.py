"""Test databases. A casino's is copied from the migrated template, which takes a third of the time that migrating it
would."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import creation


class DatabaseCreation(creation.DatabaseCreation):
    """Django's, except that the test databases of casinos (all aliases but the catalogue's) are copies."""

    _has_fresh_template: ClassVar[bool] = False

    def create_test_db(
        self, verbosity: int = 1, autoclobber: bool = False, serialize: bool | None = None, keepdb: bool = False
    ) -> str:
        if self.connection.alias == DEFAULT_DB_ALIAS:
            return super().create_test_db(verbosity, autoclobber, serialize, keepdb)
        name: str = self._get_test_db_name()  # type: ignore[attr-defined]
        self.log(f"Copying the template to {name} for alias {self.connection.alias!r}...")
        self._copy_template(name)
        self.connection.close()
        settings.DATABASES[self.connection.alias]["NAME"] = name
        self.connection.settings_dict["NAME"] = name
        self.connection.ensure_connection()
        return name

    def _copy_template(self, name: str) -> None:
        # imported late: Django loads this module before its settings are complete
        from tenants.databases.locks import template_lock
        from tenants.databases.servers import quoted
        from tenants.schema.template import ensure_template, template_name

        with template_lock() as cursor:
            if not DatabaseCreation._has_fresh_template:  # one of an earlier run may be of another state of the code
                cursor.execute(f"DROP DATABASE IF EXISTS {quoted(template_name())} WITH (FORCE)")
                DatabaseCreation._has_fresh_template = True
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
            cursor.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(ensure_template(cursor))}")

    def _destroy_test_db(self, test_database_name: str, verbosity: Any) -> None:
        from tenants.databases.servers import quoted, server_cursor

        with server_cursor("postgres") as cursor:  # with FORCE, since a pooler may still be in there
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(test_database_name)} WITH (FORCE)")

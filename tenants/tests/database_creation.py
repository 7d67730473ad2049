"""Creates the test databases. A casino's database is a copy of the migrated template, which takes a third of the time
of migrating it."""

from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.postgresql import creation

from tenants.current_casino import CurrentCasino
from tenants.databases.locks import template_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.postgresql.identity import write_identity
from tenants.schema.template import ensure_template, template_name


class TestDatabaseCreation(creation.DatabaseCreation):
    """Django's creation, except that casinos' test databases (all aliases but the catalogue's) are copies."""

    __test__ = False  # not a class of tests
    _has_fresh_template: ClassVar[bool] = False

    def create_test_db(
        self, verbosity: int = 1, autoclobber: bool = False, serialize: bool | None = None, keepdb: bool = False
    ) -> str:
        if self.connection.alias == DEFAULT_DB_ALIAS:
            return super().create_test_db(verbosity, autoclobber, serialize, keepdb)
        name: str = self._get_test_db_name()  # type: ignore[attr-defined]  # missing in django-stubs
        self.log(f"Copying the template to {name} for alias {self.connection.alias!r}...")
        _copy_template(name, is_fresh=self._has_fresh_template)
        TestDatabaseCreation._has_fresh_template = True
        self.connection.close()
        settings.DATABASES[self.connection.alias]["NAME"] = name
        self.connection.settings_dict["NAME"] = name
        with self.connection.cursor() as cursor:
            write_identity(cursor, _casino_of(self.connection.alias, name))
        return name

    def _destroy_test_db(self, test_database_name: str, verbosity: Any) -> None:
        with server_cursor("postgres") as cursor:  # FORCE, since a pooler may still be connected
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(test_database_name)} WITH (FORCE)")


def _casino_of(alias: str, db_name: str) -> CurrentCasino:
    """The casino that the fixtures `casino_a` and `casino_b` add to the catalogue."""
    casino_id = int(alias.removeprefix("casino_"))
    return CurrentCasino(casino_id, db_name, identity=UUID(int=casino_id))


def _copy_template(name: str, *, is_fresh: bool) -> None:
    with template_lock() as cursor:
        if not is_fresh:  # an earlier run's template may have other migrations
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted(template_name())} WITH (FORCE)")
        cursor.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE {quoted(ensure_template(cursor))}")

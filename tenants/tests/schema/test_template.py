import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from tenants.current_casino import MAIN
from tenants.databases.locks import template_lock
from tenants.databases.servers import database_settings, quoted, server_cursor
from tenants.lifecycle.create import create_casino
from tenants.routing.connections import forget_alias, register_alias
from tenants.routing.context import use_casino
from tenants.schema.migrate import migrations_in
from tenants.schema.template import ensure_template, template_name
from tenants.schema.version import code_version, migrations_on_disk
from tenants.tests.casino_rows import make_event, offer_version


@pytest.fixture
def template(own_template: None) -> str:
    """The migrated template; a test that spoils it leaves no database to the next one."""
    with template_lock() as cursor:
        return ensure_template(cursor)


def _comment(name: str) -> str:
    with server_cursor() as cursor:
        cursor.execute("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name])
        [comment] = cursor.fetchone()
    return str(comment)


def test_template_has_the_prefix_of_casinos_databases(template):
    assert template == template_name() == "test_casino_template"


@pytest.mark.covered
def test_template_comment_has_its_schema_version(template):
    assert _comment(template).endswith(f":{code_version()}")


@pytest.mark.covered
def test_template_refuses_connections(template):
    with pytest.raises(OperationalError, match="not currently accepting connections"), server_cursor(template):
        pass


@pytest.mark.covered
def test_template_refuses_connections_after_its_creation_and_its_alias_is_forgotten(template):
    with server_cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [template])
        assert cursor.fetchone() == (0,)
    assert "casino_template_on_main" not in connections.settings


@pytest.mark.covered
def test_up_to_date_template_is_recognised_without_a_connection(template):
    with server_cursor() as cursor:
        cursor.execute("SELECT sum(sessions) FROM pg_stat_database WHERE datname = %s", [template])
        before = cursor.fetchone()
        assert ensure_template(cursor) == template
        cursor.execute("SELECT sum(sessions) FROM pg_stat_database WHERE datname = %s", [template])
        assert cursor.fetchone() == before


def _spoil(template: str, *, comment: str) -> None:
    """Revert the template's last migration."""
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(template)} ALLOW_CONNECTIONS true")
        cursor.execute(f"COMMENT ON DATABASE {quoted(template)} IS '{comment}'")
    alias = register_alias("spoiled_template", database_settings(MAIN, template, direct=True))
    try:
        call_command("migrate", "recommendations", "0001", database=alias, verbosity=0)
    finally:
        forget_alias(alias)


@pytest.mark.covered
@pytest.mark.parametrize("comment", ["of an older release", ""])
def test_template_of_an_older_release_is_migrated_before_it_is_copied(template, comment):
    _spoil(template, comment=comment)
    with server_cursor() as cursor:
        ensure_template(cursor)
    test_template_refuses_connections(template)
    test_template_refuses_connections_after_its_creation_and_its_alias_is_forgotten(template)
    casino = create_casino("Gamma")
    with server_cursor(casino.db_name) as cursor:
        assert tuple(migrations_in(cursor)) == migrations_on_disk()


def test_template_with_a_failed_migration_stays_closed_and_is_not_up_to_date(template, caplog):
    _spoil(template, comment="of an older release")
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(template)} ALLOW_CONNECTIONS true")
    with server_cursor(template) as cursor:
        cursor.execute("DROP TABLE events CASCADE")
    with template_lock() as cursor, pytest.raises(Exception, match="events"):
        ensure_template(cursor)
    test_template_refuses_connections(template)
    assert _comment(template) == "of an older release"


@pytest.mark.exhaustive
def test_casino_copied_from_a_template_that_was_behind_has_every_migration(template):
    _spoil(template, comment="of an older release")
    with use_casino(create_casino("Gamma").current):
        before = offer_version()
        make_event()
        assert offer_version() > before

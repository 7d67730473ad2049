from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import OperationalError, connections

from tenants.connections import register
from tenants.context import use_casino
from tenants.provisioning import create_casino
from tenants.server import provisioning_lock, quoted, server_cursor
from tenants.template import (
    casino_migrations_fingerprint,
    casino_migrations_on_disk,
    ensure_template,
    template_name,
)

from .rows import make_event, offer_version


def test_casinos_databases_need_the_migrations_of_casino_apps_only():
    migrations = casino_migrations_on_disk()
    assert ("recommendations", "0001_initial") in migrations
    assert {app for app, _ in migrations} == {"recommendations"}
    assert migrations == sorted(migrations)


def test_fingerprint_depends_on_the_migrations(settings):
    fingerprint = casino_migrations_fingerprint()
    assert fingerprint == casino_migrations_fingerprint()
    settings.CASINO_APPS = ["recommendations", "tenants"]
    assert fingerprint != casino_migrations_fingerprint()


@pytest.fixture
def template(real_databases: None) -> Iterator[str]:
    """The migrated template; a test that spoils it leaves a database that the next one makes anew."""
    with provisioning_lock() as cursor:
        yield ensure_template(cursor)
    with server_cursor("postgres") as cursor:
        cursor.execute(f"DROP DATABASE {quoted(template_name())} WITH (FORCE)")


def test_template_has_the_prefix_of_casinos_databases(template):
    assert template == "test_casino_template"


def test_template_refuses_connections(template):
    with pytest.raises(OperationalError, match="not currently accepting connections"), server_cursor(template):
        pass


def test_template_is_open_to_nobody_after_it_was_made_and_its_alias_is_forgotten(template):
    with server_cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [template])
        assert cursor.fetchone() == (0,)
    assert "casino_template" not in connections.settings


def test_current_template_is_recognised_without_being_opened(template):
    with server_cursor() as cursor:
        settings = connections.settings
        assert ensure_template(cursor) == template
    assert connections.settings is settings


def _spoil(template: str, *, comment: str) -> None:
    """Take back the template's last migration."""
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {quoted(template)} ALLOW_CONNECTIONS true")
        cursor.execute(f"COMMENT ON DATABASE {quoted(template)} IS '{comment}'")
    register("spoiled_template", template)
    call_command("migrate", "recommendations", "0001", database="spoiled_template", verbosity=0)
    connections["spoiled_template"].close()


@pytest.mark.parametrize("comment", ["of an older release", ""])
def test_template_of_an_older_release_is_migrated_before_it_is_copied(template, comment):
    _spoil(template, comment=comment)
    with server_cursor() as cursor:
        ensure_template(cursor)
    test_template_refuses_connections(template)
    test_template_is_open_to_nobody_after_it_was_made_and_its_alias_is_forgotten(template)


def test_casino_copied_from_a_template_that_was_behind_has_every_migration(real_databases):
    with provisioning_lock() as cursor:
        _spoil(ensure_template(cursor), comment="of an older release")
    with use_casino(create_casino("Gamma").current):
        before = offer_version()
        make_event()
        assert offer_version() > before

"""With one PostgreSQL role per casino, PostgreSQL itself isolates casinos."""

import psycopg
import pytest
from django.db import connection
from psycopg.conninfo import make_conninfo

from tenants.databases.catalogue import _close_or_warn, ensure_catalogue
from tenants.databases.roles import is_catalogue_open, login_of, role_name
from tenants.databases.servers import database_settings, quoted, server_cursor
from tenants.lifecycle.backup import back_up
from tenants.lifecycle.clone import clone_casino
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.doctor.examine import examine, repair
from tenants.lifecycle.move import move_casino
from tenants.lifecycle.restore import restore_casino
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino
from tenants.schema.migrate import migrate_casino
from tenants.tests.casinos import add_user, users_of

DENIED = "permission denied"


@pytest.fixture(autouse=True)
def casino_roles(real_databases, settings):
    settings.CASINO_ROLES = True
    settings.CASINO_ROLE_SECRET = "only for tests"


def _connect(casino, db_name, server="main"):
    """Connect to a database as this casino's role."""
    wrapper = connection.copy()
    wrapper.settings_dict = {**database_settings(server, db_name), **login_of(casino.pk)}
    names = ("dbname", "user", "password", "host", "port")
    params = {key: value for key, value in wrapper.get_connection_params().items() if key in names}
    return psycopg.connect(make_conninfo(**params), autocommit=True, connect_timeout=120)


def _roles_on(server="main"):
    with server_cursor(server=server) as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname ~ '^test_casino_'")
        return {name for (name,) in cursor.fetchall()}


def _assert_isolated(casino, *others):
    """The casino's role can use its own rows only, and can't connect to other databases."""
    casino.refresh_from_db()
    with use_casino(casino.current), casino_connection().cursor() as cursor:
        cursor.execute("SELECT session_user")
        assert cursor.fetchone() == (role_name(casino.pk),)
    add_user(casino, "Written by the role")
    assert users_of(casino)[-1] == "Written by the role"
    with _connect(casino, casino.db_name, casino.server_id) as own:
        for statement in (
            "CREATE TABLE mine ()",
            "CREATE SCHEMA mine",
            "DROP TABLE users",
            "ALTER TABLE users ADD more int",
            "TRUNCATE users CASCADE",
            "UPDATE casino_identity SET casino_id = 1",
            "DELETE FROM casino_identity",
            "INSERT INTO casino_identity VALUES (true, gen_random_uuid(), 1, 1)",
            "CREATE DATABASE mine",
            "CREATE ROLE mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                own.execute(statement)
    for other in others:
        other.refresh_from_db()
        with pytest.raises(psycopg.OperationalError, match=f'{DENIED} for database "{other.db_name}"'):
            _connect(casino, other.db_name, other.server_id)


def test_created_casinos_share_no_rows():
    gamma, delta = store_casinos(["Gamma", "Delta"])
    _assert_isolated(gamma, delta)
    _assert_isolated(delta, gamma)


def test_clone_shares_nothing_with_its_original():
    gamma = create_casino("Gamma")
    copy = clone_casino(gamma, "Copy")
    _assert_isolated(gamma, copy)
    _assert_isolated(copy, gamma)


@pytest.mark.covered
def test_restored_casino_shares_nothing():
    gamma, delta = store_casinos(["Gamma", "Delta"])
    restore_casino(gamma, back_up(gamma).folder)
    assert gamma.generation == 2
    _assert_isolated(gamma, delta)
    _assert_isolated(delta, gamma)


@pytest.mark.covered
def test_moved_casino_shares_nothing_on_the_other_server(second_server):
    gamma, delta = create_casino("Gamma", server="main"), create_casino("Delta", server="east")
    move_casino(gamma, "east")
    _assert_isolated(gamma, delta)
    _assert_isolated(delta, gamma)


@pytest.mark.covered
def test_deleted_casinos_role_is_dropped_everywhere_and_created_again_by_a_restore(second_server):
    gamma, delta = create_casino("Gamma", server="main"), create_casino("Delta", server="main")
    move_casino(gamma, "east")
    kept = delete_casino(gamma)
    assert kept is not None
    assert (_roles_on("main"), _roles_on("east")) == ({role_name(delta.pk)}, set())
    restore_casino(gamma, kept.folder, server="main")
    _assert_isolated(gamma, delta)
    _assert_isolated(delta, gamma)


def test_unavailable_server_does_not_prevent_a_deletion(second_server, settings):
    gamma = create_casino("Gamma", server="main")
    known, settings.DATABASE_SERVERS = settings.DATABASE_SERVERS, {}
    steps: list[str] = []
    delete_casino(gamma, backup=False, report=steps.append)
    settings.DATABASE_SERVERS = known
    assert gamma.state == "deleted"
    assert any(
        step.startswith("its role on east could not be dropped: The database server 'east' has no address")
        for step in steps
    )


def test_tables_of_a_later_migration_are_open_to_the_role():
    gamma = create_casino("Gamma")
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("CREATE TABLE later (id bigserial)")
    with _connect(gamma, gamma.db_name) as own:
        own.execute("INSERT INTO later DEFAULT VALUES")


def test_casino_older_than_the_roles_gets_its_role_when_it_is_migrated(settings):
    settings.CASINO_ROLES = False
    gamma, delta = store_casinos(["Gamma", "Delta"])
    settings.CASINO_ROLES = True
    for casino in (gamma, delta):
        migrate_casino(casino.current)
    _assert_isolated(gamma, delta)


@pytest.fixture
def open_catalogue():
    """Open the catalogue to all roles, as an older release left it and other tests expect it."""
    grant = f"GRANT CONNECT, TEMPORARY ON DATABASE {quoted(connection.settings_dict['NAME'])} TO PUBLIC"
    with server_cursor() as cursor:
        cursor.execute(grant)
    yield
    with server_cursor() as cursor:
        cursor.execute(grant)


def test_casinos_role_cannot_connect_to_the_catalogue_once_it_is_migrated(open_catalogue):
    """A casino's role could hold the locks of the catalogue and of other casinos."""
    gamma = create_casino("Gamma")
    catalogue = connection.settings_dict["NAME"]
    with _connect(gamma, catalogue) as own:
        own.execute("SELECT 1")
    for _ in range(2):
        ensure_catalogue()
        with pytest.raises(psycopg.OperationalError, match=f'{DENIED} for database "{catalogue}"'):
            _connect(gamma, catalogue)
    with server_cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE mine ()")


def test_service_that_does_not_own_the_catalogue_is_told_how_to_close_it(open_catalogue, caplog, settings):
    catalogue = connection.settings_dict["NAME"]
    gamma = create_casino("Gamma")
    settings.DIRECT_DATABASE = login_of(gamma.pk)
    _close_or_warn(catalogue)
    settings.DIRECT_DATABASE = {}
    assert f'REVOKE ALL ON DATABASE "{catalogue}" FROM PUBLIC' in caplog.text


def test_catalogue_stays_open_without_roles(open_catalogue, settings):
    settings.CASINO_ROLES = False
    ensure_catalogue()
    assert is_catalogue_open()


def test_doctor_finds_an_open_catalogue_and_closes_it(open_catalogue, settings):
    gamma = create_casino("Gamma")
    [finding] = [finding for finding in examine() if finding.code == "catalogue_open_to_public"]
    assert [error for _, error in repair([finding])] == [None]
    assert "catalogue_open_to_public" not in [finding.code for finding in examine()]
    with pytest.raises(psycopg.OperationalError, match=DENIED):
        _connect(gamma, connection.settings_dict["NAME"])
    settings.CASINO_ROLES = False
    assert "catalogue_open_to_public" not in [finding.code for finding in examine()]


def test_role_takes_no_more_connections_than_the_setting_allows(settings):
    settings.CASINO_ROLE_CONNECTIONS = 2
    gamma, delta = create_casino("Gamma"), create_casino("Delta")
    with _connect(gamma, gamma.db_name), _connect(gamma, gamma.db_name):
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            _connect(gamma, gamma.db_name)
        _connect(delta, delta.db_name).close()


def test_doctor_finds_a_role_with_another_limit_and_sets_it(settings):
    settings.CASINO_ROLE_CONNECTIONS = 2
    gamma = create_casino("Gamma")
    with server_cursor() as cursor:
        cursor.execute(f"ALTER ROLE {quoted(role_name(gamma.pk))} CONNECTION LIMIT -1")
    [finding] = [finding for finding in examine() if finding.code == "other_role_limit"]
    assert "any number of connections" in finding.problem
    assert [error for _, error in repair([finding])] == [None]
    assert "other_role_limit" not in [finding.code for finding in examine()]
    settings.CASINO_ROLE_CONNECTIONS = 3
    assert [finding.casino_id for finding in examine() if finding.code == "other_role_limit"] == [gamma.pk]


def test_password_depends_on_the_secret_and_the_casino(settings):
    password = login_of(7)["PASSWORD"]
    assert login_of(8)["PASSWORD"] != password
    settings.CASINO_ROLE_SECRET = "another"
    assert login_of(7)["PASSWORD"] != password
    settings.CASINO_ROLES = False
    assert login_of(7) == {}

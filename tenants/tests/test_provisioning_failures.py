from contextlib import contextmanager

import pytest
from django.db import connection

from tenants.errors import ProvisioningFailed
from tenants.models import Casino, CasinoState
from tenants.provisioning import create_casino, provision
from tenants.server import database_exists, provisioning_lock, quoted, server_cursor

pytestmark = pytest.mark.usefixtures("real_databases")


def _make_foreign_database(casino):
    """A database of somebody else's, with a table in it, that has the name this casino's would get."""
    name = f"test_casino_{casino.pk}"
    with server_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
    with server_cursor(name) as cursor:
        cursor.execute("CREATE TABLE theirs ()")
    return name


def _tables(name):
    with server_cursor(name) as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return [table for (table,) in cursor.fetchall()]


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.FAILED])
def test_database_of_somebody_else_is_not_touched(state):
    casino = Casino.objects.create(name="Gamma", state=state)
    name = _make_foreign_database(casino)
    for _ in range(2):
        with pytest.raises(ProvisioningFailed, match=f"{name} of Gamma .* could not be made: .* exists already"):
            provision(casino)
    assert _tables(name) == ["theirs"]
    casino.refresh_from_db()
    assert (casino.state, casino.db_name) == (CasinoState.FAILED, None)
    assert casino.state_detail.startswith(f"a database {name} exists already and is not this casino's")


def test_failed_casino_can_be_finished_when_the_cause_is_gone():
    casino = Casino.objects.create(name="Gamma")
    name = _make_foreign_database(casino)
    with pytest.raises(ProvisioningFailed):
        provision(casino)
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(name)}")
    provision(casino)
    casino.refresh_from_db()
    assert (casino.state, casino.state_detail, casino.db_name) == (CasinoState.ACTIVE, "", name)
    assert "theirs" not in _tables(name)


@contextmanager
def _catalogue_refusing(state):
    """The catalogue fails to move any casino to this state."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON casinos
                FOR EACH ROW WHEN (NEW.state = '{state}') EXECUTE FUNCTION refuse();
            """
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION refuse CASCADE")


def test_casino_that_fails_after_its_database_was_made_knows_that_it_is_its_own_and_can_be_finished():
    casino = Casino.objects.create(name="Gamma")
    with _catalogue_refusing(CasinoState.ACTIVE), pytest.raises(ProvisioningFailed, match="the disk is full"):
        provision(casino)
    casino.refresh_from_db()
    assert (casino.state, casino.db_name) == (CasinoState.CREATING, None)
    assert "the disk is full" in casino.state_detail
    provision(casino)
    casino.refresh_from_db()
    assert (casino.state, casino.state_detail) == (CasinoState.ACTIVE, "")


def test_casino_that_fails_before_its_database_is_made_is_failed_and_has_none():
    casino = Casino.objects.create(name="Gamma")
    with _catalogue_refusing(CasinoState.CREATING), pytest.raises(ProvisioningFailed, match="the disk is full"):
        provision(casino)
    casino.refresh_from_db()
    assert casino.state == CasinoState.FAILED
    with server_cursor() as cursor:
        assert not database_exists(cursor, f"test_casino_{casino.pk}")


@pytest.fixture
def impatient_server():
    """A server that gives up waiting for a lock after 0.1 s."""
    name = quoted(connection.settings_dict["NAME"])
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '100ms'")
    yield
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")


def test_active_casino_stays_active_when_provisioning_it_again_fails(impatient_server):
    casino = create_casino("Gamma")
    with provisioning_lock(), pytest.raises(ProvisioningFailed, match="lock timeout"):
        provision(casino)
    assert casino.state == CasinoState.ACTIVE
    casino.refresh_from_db()
    assert (casino.state, casino.db_name) == (CasinoState.ACTIVE, f"test_casino_{casino.pk}")


def test_requested_casino_whose_turn_never_comes_is_failed_and_can_be_finished(impatient_server):
    casino = Casino.objects.create(name="Gamma")
    with provisioning_lock(), pytest.raises(ProvisioningFailed, match="lock timeout"):
        provision(casino)
    casino.refresh_from_db()
    assert casino.state == CasinoState.FAILED
    provision(casino)
    assert casino.state == CasinoState.ACTIVE

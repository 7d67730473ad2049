import pytest
from django.db import connection

from tenants.databases.locks import casino_lock, template_lock
from tenants.databases.servers import database_exists, quoted, server_cursor
from tenants.errors import CasinoBusy, ProvisioningFailed
from tenants.lifecycle.create import create_casino, provision
from tenants.models import Casino, CasinoState, DatabaseServer
from tenants.tests.casinos import catalogue_refusing

pytestmark = pytest.mark.usefixtures("real_databases")


def _make_foreign_database(casino):
    """A foreign database, with a table, that has the name of this casino's future database."""
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
def test_foreign_database_of_the_same_name_is_not_touched(state):
    casino = Casino.objects.create(name="Gamma", state=state)
    name = _make_foreign_database(casino)
    for _ in range(2):
        with pytest.raises(
            ProvisioningFailed, match=f"Creating the database of Gamma .* failed: .* {name} already exists"
        ):
            provision(casino)
    assert _tables(name) == ["theirs"]
    casino.refresh_from_db()
    assert (casino.state, casino.db_name) == (CasinoState.FAILED, None)
    assert casino.state_detail.startswith(f"a database {name} already exists on server main and is not this casino's")


def test_failed_casino_can_be_finished_once_the_cause_is_fixed():
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


def test_casino_that_fails_after_its_database_was_created_can_be_finished():
    casino = Casino.objects.create(name="Gamma")
    with catalogue_refusing("NEW.state = 'active'"), pytest.raises(ProvisioningFailed, match="the disk is full"):
        provision(casino)
    casino.refresh_from_db()
    assert (casino.state, casino.db_name) == (CasinoState.FAILED, None)
    assert "the disk is full" in casino.state_detail
    provision(casino)
    casino.refresh_from_db()
    assert (casino.state, casino.state_detail) == (CasinoState.ACTIVE, "")


def test_casino_that_fails_before_its_database_is_created_is_failed_and_has_none():
    casino = Casino.objects.create(name="Gamma")
    with catalogue_refusing("NEW.state = 'creating'"), pytest.raises(ProvisioningFailed, match="the disk is full"):
        provision(casino)
    casino.refresh_from_db()
    assert casino.state == CasinoState.FAILED
    assert "the disk is full" in casino.state_detail
    with server_cursor() as cursor:
        assert not database_exists(cursor, f"test_casino_{casino.pk}")


@pytest.fixture
def impatient_server():
    """A server with a lock timeout of 0.1 s."""
    name = quoted(connection.settings_dict["NAME"])
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '100ms'")
    yield
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")


def test_requested_casino_without_a_lock_in_time_is_failed_and_can_be_finished(impatient_server):
    casino = Casino.objects.create(name="Gamma")
    with template_lock(), pytest.raises(ProvisioningFailed, match="lock timeout"):
        provision(casino)
    casino.refresh_from_db()
    assert casino.state == CasinoState.FAILED
    provision(casino)
    assert casino.state == CasinoState.ACTIVE


def test_busy_casino_is_not_provisioned(settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    casino = create_casino("Gamma")
    requested = Casino.objects.create(name="Delta")
    for each in (casino, requested):
        before = each.state
        with casino_lock(each.pk), pytest.raises(CasinoBusy, match=f"casino {each.pk} for over 0.1 s"):
            provision(each)
        each.refresh_from_db()
        assert each.state == before


def test_casino_without_a_server_with_room_fails_and_can_be_finished_later():
    DatabaseServer.objects.update(capacity=0)
    with pytest.raises(ProvisioningFailed, match=r"main is full \(0 of 0\)"):
        create_casino("Gamma")
    casino = Casino.objects.get()
    assert (casino.state, casino.server) == (CasinoState.FAILED, None)
    assert "main is full" in casino.state_detail
    DatabaseServer.objects.update(capacity=1)
    provision(casino)
    assert casino.state == CasinoState.ACTIVE


def test_casino_that_ended_is_not_provisioned():
    casino = Casino.objects.create(name="Gamma", state=CasinoState.DELETING)
    with pytest.raises(ProvisioningFailed, match="is deleting; it must be requested, creating or failed"):
        provision(casino)
    casino.refresh_from_db()
    assert casino.state == CasinoState.DELETING

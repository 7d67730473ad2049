import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings
from django.db import IntegrityError, connections
from django.db.models.signals import pre_migrate

from tenants.databases.catalogue import ensure_catalogue
from tenants.databases.locks import template_lock
from tenants.databases.servers import database_exists, server_cursor
from tenants.lifecycle.create import create_casino, provision, store_casinos
from tenants.lifecycle.databases import create_from_template, plan_database
from tenants.lifecycle.placement import choose_server
from tenants.models import Casino, CasinoState
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino
from tenants.schema.migrate import migrations_in
from tenants.schema.version import migrations_on_disk
from tenants.tests.casino_rows import User, make_event, make_user, offer_version

pytestmark = pytest.mark.usefixtures("real_databases")


def test_new_casino_is_active_with_a_database_of_its_own():
    casino = create_casino("Gamma")
    casino.refresh_from_db()
    assert (casino.state, casino.state_detail) == (CasinoState.ACTIVE, "")
    assert casino.db_name == f"test_casino_{casino.pk}"
    with use_casino(casino.current), casino_connection().cursor() as cursor:
        cursor.execute("SELECT current_database(), current_setting('application_name')")
        assert cursor.fetchone() == (casino.db_name, f"casino_{casino.pk}")


def test_new_database_has_the_casinos_tables_and_not_the_catalogues():
    with use_casino(create_casino("Gamma").current):
        tables = set(casino_connection().introspection.table_names())
    made = {"users", "users_profile", "events", "teams", "event_teams", "purchased_coupons", "offer_version"}
    assert made <= tables
    assert not {"casinos", "auth_user", "django_session", "django_content_type"} & tables


def test_new_database_has_the_trigger_of_the_offers_version():
    with use_casino(create_casino("Gamma").current):
        before = offer_version()
        make_event()
        assert offer_version() > before


def test_two_casinos_share_no_rows():
    gamma, delta = store_casinos(["Gamma", "Delta"])
    with use_casino(gamma.current):
        make_user()
    with use_casino(delta.current):
        assert not User.objects.exists()


def test_taken_name_is_refused_and_nothing_is_created():
    casino = create_casino("Gamma")
    with pytest.raises(IntegrityError):
        create_casino("Gamma")
    assert list(Casino.objects.all()) == [casino]


def test_provisioning_an_active_casino_does_nothing():
    casino = create_casino("Gamma")
    with use_casino(casino.current):
        make_user("Stays")
    provision(Casino.objects.get())
    with use_casino(Casino.objects.get().current):
        assert User.objects.get().name == "Stays"


def test_casino_interrupted_before_its_database_was_created_is_finished():
    casino = Casino.objects.create(name="Gamma", state=CasinoState.CREATING)
    provision(casino)
    with use_casino(casino.current):
        assert not User.objects.exists()


def test_casino_interrupted_after_its_database_was_created_gets_a_new_one():
    casino = Casino.objects.create(name="Gamma", state=CasinoState.CREATING)
    planned = plan_database(casino, choose_server())
    create_from_template(planned)
    with server_cursor(planned.db_name) as cursor:
        cursor.execute("CREATE TABLE half_made ()")
    (finished,) = store_casinos(["Gamma"])
    assert (finished.state, finished.db_name, finished.generation) == (CasinoState.ACTIVE, planned.db_name, 1)
    with use_casino(finished.current):
        assert "half_made" not in casino_connection().introspection.table_names()
    assert list(casino.databases.all()) == [planned]


def test_storing_casinos_keeps_their_order_and_is_idempotent():
    first = store_casinos(["Gamma", "Delta"])
    again = store_casinos(["Delta", "Epsilon", "Gamma"])
    assert [casino.name for casino in again] == ["Delta", "Epsilon", "Gamma"]
    assert [again[2], again[0]] == first
    assert {casino.state for casino in Casino.objects.all()} == {CasinoState.ACTIVE}
    assert Casino.objects.count() == 3


def _in_threads(*calls):
    """Results of the calls, in threads that all wait for a lock until the last has started."""

    def call_and_close(call):
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as executor:
        with template_lock():
            results = [executor.submit(call_and_close, call) for call in calls]
            with server_cursor() as cursor:
                _wait_until_waiting(cursor, len(calls))
        return [result.result(60) for result in results]


def _wait_until_waiting(cursor, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        if cursor.fetchone()[0] >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"{count} processes were to wait for a lock, and never did")


def test_two_casinos_can_be_created_concurrently():
    gamma, delta = _in_threads(lambda: create_casino("Gamma"), lambda: create_casino("Delta"))
    for casino in (gamma, delta):
        with use_casino(casino.current):
            make_user()
            assert User.objects.count() == 1


def test_same_casinos_stored_concurrently_are_created_once():
    one, other = _in_threads(lambda: store_casinos(["Gamma"]), lambda: store_casinos(["Gamma"]))
    assert one == other == [Casino.objects.get(state=CasinoState.ACTIVE)]
    assert one[0].current == other[0].current


@pytest.fixture
def fresh_catalogue_name():
    """The name of a catalogue that does not exist yet; the connection `default` means it during the test."""
    connection = connections["default"]
    name, fresh = connection.settings_dict["NAME"], "test_casino_1000000"
    connection.close()
    connection.settings_dict["NAME"] = fresh
    yield fresh
    connection.close()
    connection.settings_dict["NAME"] = name


@pytest.mark.covered
def test_missing_catalogue_is_created_and_migrated_and_an_existing_one_is_kept(fresh_catalogue_name):
    ensure_catalogue()
    Casino.objects.create(name="Stays")
    ensure_catalogue()
    with server_cursor("postgres") as cursor:
        assert database_exists(cursor, fresh_catalogue_name)
    assert Casino.objects.get().name == "Stays"
    tables = connections["default"].introspection.table_names()
    assert {"casinos", "auth_user", "django_session"} <= set(tables)
    assert not {"users", "events"} & set(tables)


def test_a_fresh_catalogue_records_the_migrations_of_casinos_and_spends_no_time_on_them(fresh_catalogue_name):
    apps: set[str] = set()

    def note(plan, **_):
        apps.update(migration.app_label for migration, _ in plan)

    pre_migrate.connect(note)
    ensure_catalogue()
    pre_migrate.disconnect(note)
    assert "tenants" in apps
    assert not apps & {*settings.CASINO_APPS}
    with connections["default"].cursor() as cursor:
        assert migrations_in(cursor) == [*migrations_on_disk()]

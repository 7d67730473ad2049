import pytest
from django.core.management import call_command
from django.db import connections

from tenants.connections import alias_of, forget
from tenants.context import use_casino
from tenants.migration import migrate_casinos, pending_migrations
from tenants.models import Casino
from tenants.provisioning import store_casinos
from tenants.server import quoted, server_cursor

from .rows import make_event, make_user, offer_version

TRIGGER = "recommendations.0002_offer_version_trigger"


@pytest.fixture
def gamma_and_delta(real_databases):
    return store_casinos(["Gamma", "Delta"])


@pytest.fixture
def gamma(gamma_and_delta):
    return gamma_and_delta[0]


def _fall_behind(casino):
    call_command("migrate", "recommendations", "0001", database=alias_of(casino.current), verbosity=0)


def _drop_database(casino):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(casino.db_name)} WITH (FORCE)")


def _lose_first_migration(casino):
    """A history that no release could have made, which Django refuses to migrate."""
    with use_casino(casino.current), connections[alias_of(casino.current)].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'recommendations' AND name LIKE '0001%'")


def _has_trigger(casino):
    with use_casino(casino.current):
        before = offer_version()
        make_event()
        return offer_version() > before


def test_new_casinos_are_up_to_date(gamma_and_delta):
    results = list(migrate_casinos(gamma_and_delta))
    assert [(result.casino.name, result.applied, result.error) for result in results] == [
        ("Gamma", [], None),
        ("Delta", [], None),
    ]


def test_what_is_pending_is_told_by_one_query(gamma, django_assert_num_queries):
    alias = alias_of(gamma.current)
    assert pending_migrations(alias) == []
    _fall_behind(gamma)
    with connections[alias].cursor(), django_assert_num_queries(2, using=alias):  # one finds the table of migrations
        assert TRIGGER in pending_migrations(alias)


def test_casino_that_is_behind_is_migrated_and_keeps_its_rows(gamma_and_delta):
    gamma, _ = gamma_and_delta
    with use_casino(gamma.current):
        user = make_user()
    _fall_behind(gamma)
    of_gamma, of_delta = migrate_casinos(gamma_and_delta)
    assert TRIGGER in of_gamma.applied
    assert of_gamma.error is None
    assert of_delta.applied == []
    assert _has_trigger(gamma)
    with use_casino(gamma.current):
        user.refresh_from_db()
    assert [result.applied for result in migrate_casinos(gamma_and_delta)] == [[], []]


@pytest.mark.parametrize("has_connection", [True, False])
def test_casino_whose_database_is_gone_is_reported_and_the_others_go_on(gamma_and_delta, has_connection, caplog):
    gamma, delta = gamma_and_delta
    _fall_behind(delta)
    if has_connection:
        pending_migrations(alias_of(gamma.current))
    else:
        forget(alias_of(gamma.current))
    _drop_database(gamma)
    of_gamma, of_delta = migrate_casinos(gamma_and_delta)
    assert of_gamma.error
    assert of_gamma.applied == []
    assert caplog.records == []
    assert TRIGGER in of_delta.applied
    assert _has_trigger(delta)


def test_casino_that_django_refuses_to_migrate_is_reported_and_the_others_go_on(gamma_and_delta, caplog):
    gamma, delta = gamma_and_delta
    _lose_first_migration(gamma)
    _fall_behind(delta)
    of_gamma, of_delta = migrate_casinos(gamma_and_delta)
    assert "recommendations.0001_initial" in str(of_gamma.error)
    assert "Traceback" in caplog.text
    assert TRIGGER in of_delta.applied


def test_template_is_migrated_though_there_is_no_casino(real_databases):
    assert list(migrate_casinos(Casino.objects.active())) == []
    with server_cursor() as cursor:
        cursor.execute("SELECT datallowconn FROM pg_database WHERE datname = 'test_casino_template'")
        assert cursor.fetchone() == (False,)


def test_no_connection_stays_open_however_many_casinos_are_migrated(gamma_and_delta):
    _drop_database(gamma_and_delta[0])
    list(migrate_casinos(gamma_and_delta))
    with server_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_stat_activity WHERE datname ~ '^test_casino_[0-9]{4,}$'")
        assert cursor.fetchall() == []

import pytest
from django.db import OperationalError
from django.db.migrations.exceptions import InconsistentMigrationHistory
from django.db.utils import IntegrityError

from tenants.databases.servers import quoted, server_cursor
from tenants.errors import WrongDatabase
from tenants.lifecycle.create import store_casinos
from tenants.postgresql.identity import read_identity
from tenants.routing.context import use_casino
from tenants.schema.migrate import migrate_casino, migrations_in
from tenants.schema.version import code_version, migrations_on_disk
from tenants.tests.casino_rows import make_user
from tenants.tests.casinos import add_user, users_of
from tenants.tests.releases import CONCURRENT, NICKNAME, SQUASHED, WIDER
from tenants.tests.waiting import require_quick


@pytest.fixture
def gamma_and_delta(real_databases):
    return store_casinos(["Gamma", "Delta"])


@pytest.fixture
def gamma(gamma_and_delta):
    return gamma_and_delta[0]


def _has_column(casino, column="nickname"):
    with server_cursor(casino.db_name) as cursor:
        cursor.execute("SELECT 1 FROM information_schema.columns WHERE column_name = %s", [column])
        return cursor.fetchone() is not None


def _migrations(casino):
    with server_cursor(casino.db_name) as cursor:
        return tuple(migrations_in(cursor))


@pytest.mark.covered
def test_new_casino_lacks_nothing(gamma):
    migrated = migrate_casino(gamma.current)
    assert (migrated.applied, migrated.version) == ([], code_version())


@pytest.mark.covered
def test_casinos_that_are_behind_get_the_missing_migrations_and_keep_their_rows(gamma_and_delta, settings):
    add_user(gamma_and_delta[0], "Ada")
    settings.MIGRATION_MODULES = WIDER
    for casino in gamma_and_delta:
        migrated = migrate_casino(casino.current)
        assert (migrated.applied, migrated.version) == ([NICKNAME], code_version())
        assert _has_column(casino)
        assert _migrations(casino) == migrations_on_disk()
        assert migrate_casino(casino.current).applied == []
    assert users_of(gamma_and_delta[0]) == ["Ada"]


@pytest.mark.covered
def test_casino_with_fewer_migrations_than_another_gets_all_that_it_lacks(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    settings.MIGRATION_MODULES = WIDER
    migrate_casino(gamma.current)
    with server_cursor(delta.db_name) as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    assert migrate_casino(delta.current).applied == [f"{app}.{name}" for app, name in migrations_on_disk()]
    assert _migrations(delta) == _migrations(gamma) == migrations_on_disk()


@pytest.mark.covered
def test_failed_migration_leaves_the_casino_unchanged_and_works_once_the_cause_is_fixed(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    with use_casino(gamma.current):
        child = make_user("Child", birth_year=2012)
    settings.MIGRATION_MODULES = WIDER
    with pytest.raises(IntegrityError, match="user_is_grown_up"):
        migrate_casino(gamma.current)
    assert not _has_column(gamma)
    assert migrate_casino(delta.current).applied == [NICKNAME]
    with use_casino(gamma.current):
        child.delete()
    assert migrate_casino(gamma.current).applied == [NICKNAME]


@pytest.mark.covered
def test_migration_waits_a_limited_time_for_a_lock(gamma, settings):
    settings.MIGRATION_MODULES, settings.MIGRATION_LOCK_SECONDS = WIDER, 0.2
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM users")

        def migrate_in_vain() -> None:
            with pytest.raises(OperationalError, match="lock timeout"):
                migrate_casino(gamma.current)

        require_quick(migrate_in_vain, 2)
    assert migrate_casino(gamma.current).applied == [NICKNAME]


def test_squashed_migration_is_recorded_if_its_parts_are_applied(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    settings.MIGRATION_MODULES = WIDER
    migrate_casino(gamma.current)
    settings.MIGRATION_MODULES = SQUASHED
    assert migrate_casino(gamma.current).applied == []
    assert migrate_casino(delta.current).applied == [f"{NICKNAME}_squashed"]
    assert _migrations(gamma) == _migrations(delta) == migrations_on_disk()


@pytest.mark.covered
def test_migration_without_a_transaction_is_applied(gamma_and_delta, settings):
    settings.MIGRATION_MODULES = CONCURRENT
    for casino in gamma_and_delta:
        assert migrate_casino(casino.current).applied == ["recommendations.9999_user_country"]
        with server_cursor(casino.db_name) as cursor:
            cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 'user_country'::regclass")
            assert cursor.fetchone() == (True,)


def test_history_that_django_refuses_is_refused(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    settings.MIGRATION_MODULES = WIDER
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'recommendations' AND name LIKE '0001%'")
    with pytest.raises(InconsistentMigrationHistory, match=r"recommendations\.0001_initial"):
        migrate_casino(gamma.current)
    assert migrate_casino(delta.current).applied == [NICKNAME]


def test_database_of_another_casino_is_not_migrated(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)}")
        cursor.execute(f"ALTER DATABASE {quoted(delta.db_name)} RENAME TO {quoted(gamma.db_name)}")
    settings.MIGRATION_MODULES = WIDER
    with pytest.raises(WrongDatabase, match=f"of casino {delta.pk} .*, not generation 1 of casino {gamma.pk}"):
        migrate_casino(gamma.current)
    assert not _has_column(gamma)


def test_database_of_an_older_release_gets_an_identity_row(gamma):
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("DROP TABLE casino_identity")
        migrate_casino(gamma.current)
        assert read_identity(cursor) == (gamma.identity, gamma.pk, 1)
    assert users_of(gamma) == []


@pytest.mark.covered
def test_no_connection_stays_open(gamma_and_delta, settings):
    gamma, delta = gamma_and_delta
    with use_casino(gamma.current):
        make_user("Child", birth_year=2012)
    settings.MIGRATION_MODULES = WIDER
    with pytest.raises(IntegrityError):
        migrate_casino(gamma.current)
    migrate_casino(delta.current)
    with server_cursor() as cursor:
        cursor.execute("SELECT application_name FROM pg_stat_activity WHERE datname = %s", [delta.db_name])
        assert cursor.fetchall() == []
        cursor.execute("SELECT application_name FROM pg_stat_activity WHERE datname = %s", [gamma.db_name])
        assert cursor.fetchall() in ([], [(gamma.current.alias,)])

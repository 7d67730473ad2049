import pytest

from tenants.errors import CasinoNotUpgraded
from tenants.models import Casino, SchemaVersion
from tenants.schema.version import (
    code_version,
    fingerprint,
    is_behind,
    migrations_on_disk,
    record_version,
    require_up_to_date,
    versions_not_behind,
)
from tenants.tests.releases import NICKNAME, WIDER

NEWER = ("recommendations", "9999_newer")


@pytest.fixture
def ahead(db):
    """The version of a newer release, which is being rolled out."""
    return record_version([*migrations_on_disk(), NEWER])


@pytest.fixture
def older(db):
    return record_version(migrations_on_disk()[:1])


def test_casinos_databases_need_the_migrations_of_casino_apps_only():
    migrations = migrations_on_disk()
    assert ("recommendations", "0001_initial") in migrations
    assert {app for app, _ in migrations} == {"ingestion", "recommendations"}
    assert list(migrations) == sorted(migrations)


def test_version_of_the_code_depends_on_its_migrations(settings):
    version = code_version()
    assert version == code_version() == fingerprint(migrations_on_disk())
    settings.MIGRATION_MODULES = WIDER
    assert version != code_version()
    assert tuple(NICKNAME.split(".")) in migrations_on_disk()
    settings.MIGRATION_MODULES = {}
    settings.CASINO_APPS = ["recommendations", "tenants"]
    assert version != code_version()


def test_version_does_not_depend_on_the_order_of_migrations(db):
    assert record_version(reversed(migrations_on_disk())) == code_version()


def test_version_is_recorded_once_with_its_migrations(older):
    assert record_version(migrations_on_disk()[:1]) == older
    assert SchemaVersion.objects.get().migrations == ["ingestion.0001_ledger_and_counts"]


def test_only_a_version_that_lacks_a_migration_is_behind(ahead, older):
    assert [is_behind(version) for version in (code_version(), ahead)] == [False, False]
    assert [is_behind(version) for version in (older, "", "0123456789abcdef")] == [True, True, True]


def test_version_with_a_newer_migration_but_without_one_of_the_codes_is_behind(db):
    assert is_behind(record_version([*migrations_on_disk()[:-1], NEWER]))


def test_unrecorded_version_is_looked_up_again(db):
    migrations = (*migrations_on_disk(), NEWER, ("recommendations", "9999_newest"))
    assert is_behind(fingerprint(migrations))
    assert not is_behind(record_version(migrations))


def test_version_is_not_ahead_any_more_once_the_code_has_more_migrations(ahead, settings):
    assert not is_behind(ahead)
    settings.MIGRATION_MODULES = WIDER
    assert is_behind(ahead)


def test_versions_not_behind_are_the_codes_and_those_ahead(ahead, older):
    assert set(versions_not_behind()) == {code_version(), ahead}


def test_storing_requires_an_up_to_date_casino(casino_a, casino_b, older):
    require_up_to_date(casino_a)
    Casino.objects.filter(pk=casino_b.pk).update(schema_version=older)
    casino_b.refresh_from_db()
    with pytest.raises(
        CasinoNotUpgraded, match=r"Beta \(casino 2\) lacks migrations of the code; run `manage.py migrate_casinos`"
    ):
        require_up_to_date(casino_b)


def test_version_of_the_code_is_known_without_a_query(db, django_assert_num_queries):
    code_version()
    with django_assert_num_queries(0):
        assert not is_behind(code_version())

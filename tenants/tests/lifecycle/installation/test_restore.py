from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User as StaffUser
from django.contrib.sessions.models import Session

from tenants.access.api_keys import issue_key
from tenants.databases.catalogue import ensure_catalogue
from tenants.databases.locks import restore_lock
from tenants.databases.servers import database_exists, quoted, server_cursor
from tenants.errors import BackupInvalid, CasinoBusy, InstallationInUse
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.doctor.examine import examine
from tenants.lifecycle.installation.backup import CATALOGUE_DUMP, back_up_installation
from tenants.lifecycle.installation.restore import Outcome, is_restore_unfinished, restore_installation
from tenants.lifecycle.restore import restore_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import ApiKey, Casino, CasinoState, PrivacyAction, PrivacyRecord
from tenants.tests.casinos import add_user, databases_on, users_of

from .conftest import RESTORED


@pytest.fixture
def backup(gamma, delta):
    """A backup of Gamma, which has a key and a configuration, and of Delta, which is suspended."""
    Casino.objects.filter(pk=gamma.pk).update(recommender_type="static", request_rate=7, timestamp=datetime.now(UTC))
    issue_key(gamma, name="back end", scopes={"recommend"}, by="a test")
    StaffUser.objects.create_superuser("staff", password="secret")
    suspend_casino(delta, reason="unpaid")
    Session.objects.create(session_key="of staff", session_data="", expire_date=datetime.now(UTC))
    return back_up_installation()


def restore(backup, **options):
    """The result of each casino, by its name."""
    return {each.name: each for each in restore_installation(backup.folder, **options)}


def outcomes(restored):
    return {name: each.outcome for name, each in restored.items()}


def codes():
    """The problems' codes without those of the predeclared casinos' databases, which are in no catalogue here."""
    return [finding.code for finding in examine() if finding.code != "orphan_database"]


def spoil_dump_of(casino, backup):
    """Returns a function that repairs it."""
    dump = backup.folder_of(casino.pk) / "database.dump"
    content = dump.read_bytes()
    dump.write_bytes(content[:-1])
    return lambda: dump.write_bytes(content)


def test_everything_is_restored_onto_an_empty_server(backup, lose_everything):
    lose_everything()
    assert outcomes(restore(backup)) == {"Gamma": Outcome.RESTORED, "Delta": Outcome.RESTORED}
    gamma, delta = Casino.objects.order_by("id")
    assert (gamma.state, gamma.recommender_type, gamma.request_rate) == (CasinoState.ACTIVE, "static", 7)
    assert (delta.state, delta.state_detail) == (CasinoState.SUSPENDED, "unpaid")
    assert (users_of(gamma), users_of(delta)) == (["Ada"], ["Grace"])
    assert ApiKey.objects.get().casino == gamma
    assert StaffUser.objects.get().check_password("secret")
    assert not Session.objects.exists()  # a copied backup must not hold valid sessions
    assert (codes(), is_restore_unfinished()) == ([], False)
    assert create_casino("Next").pk > delta.pk


@pytest.mark.exhaustive
def test_migrated_catalogue_without_casinos_and_logins_counts_as_empty(backup, lose_everything):
    lose_everything()
    ensure_catalogue()
    restore(backup)
    assert Casino.objects.count() == 2


@pytest.mark.covered
def test_catalogue_in_use_is_refused_and_stays(backup, lose_everything):
    lose_everything()
    ensure_catalogue()
    StaffUser.objects.create_superuser("other")
    with pytest.raises(InstallationInUse, match=f"The database {RESTORED} is not empty"):
        restore(backup)
    assert (StaffUser.objects.get().username, Casino.objects.exists()) == ("other", False)


@pytest.mark.exhaustive
def test_restored_installation_is_not_restored_again(backup, lose_everything):
    lose_everything()
    restore(backup)
    with pytest.raises(InstallationInUse):
        restore(backup)


@pytest.mark.exhaustive
def test_database_of_something_else_is_refused(backup, lose_everything):
    lose_everything()
    with server_cursor("postgres") as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(RESTORED)}")
    with server_cursor() as cursor:
        cursor.execute("CREATE TABLE invoices (id int)")
    with pytest.raises(InstallationInUse):
        restore(backup)


@pytest.mark.covered
def test_casinos_whose_databases_survived_are_kept_as_they_are(backup, gamma, lose_catalogue):
    add_user(gamma, "Later")
    lose_catalogue()
    assert set(outcomes(restore(backup)).values()) == {Outcome.KEPT}
    assert users_of(Casino.objects.get(name="Gamma")) == ["Ada", "Later"]


@pytest.mark.exhaustive
def test_database_that_a_newer_generation_had_replaced_is_not_used(backup, gamma, lose_catalogue):
    """The backup's catalogue has generation 1; generation 2 came later, and has newer rows."""
    restore_casino(gamma, backup.folder_of(gamma.pk))
    lose_catalogue()
    gamma_now = restore(backup)["Gamma"]
    assert gamma_now.outcome == Outcome.FAILED
    assert "not currently accepting connections" in gamma_now.problem
    assert gamma.db_name in databases_on()


def test_casino_that_fails_does_not_stop_the_others_and_the_next_call_finishes(backup, gamma, lose_everything):
    lose_everything()
    repair_dump = spoil_dump_of(gamma, backup)
    restored = restore(backup)
    assert outcomes(restored) == {"Gamma": Outcome.FAILED, "Delta": Outcome.RESTORED}
    assert "is damaged" in restored["Gamma"].problem
    assert is_restore_unfinished()
    assert "unfinished_restore" in codes()
    repair_dump()
    assert outcomes(restore(backup)) == {"Gamma": Outcome.RESTORED, "Delta": Outcome.KEPT}
    assert (codes(), is_restore_unfinished()) == ([], False)


@pytest.mark.exhaustive
def test_restore_killed_before_the_catalogue_was_loaded_starts_over(backup, lose_everything):
    lose_everything()
    mark = backup.manifest.taken_at.isoformat()
    with server_cursor("postgres") as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(RESTORED)}")
        cursor.execute(f"COMMENT ON DATABASE {quoted(RESTORED)} IS 'restoring the backup of {mark}'")
    assert set(outcomes(restore(backup)).values()) == {Outcome.RESTORED}


@pytest.mark.exhaustive
def test_restore_from_another_backup_than_the_begun_one_is_refused(backup, gamma, lose_everything):
    other = back_up_installation()
    lose_everything()
    spoil_dump_of(gamma, backup)
    restore(backup)
    with pytest.raises(InstallationInUse, match="is being restored from another backup"):
        restore(other)


@pytest.mark.exhaustive
def test_casino_missing_in_the_backup_is_named_with_the_reason(gamma, delta, lose_everything):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    backup = back_up_installation()
    lose_everything()
    restored = restore(backup)
    assert restored["Gamma"].problem.startswith("it is not in the backup: ")
    assert restored["Delta"].outcome == Outcome.RESTORED


@pytest.mark.exhaustive
def test_casino_of_a_lost_server_is_restored_only_where_the_operator_says(
    second_server, gamma, lose_everything, settings
):
    create_casino("Epsilon", server="east")
    backup = back_up_installation()
    lose_everything()
    known, settings.DATABASE_SERVERS = settings.DATABASE_SERVERS, {}
    restored = restore(backup)
    assert outcomes(restored) == {"Gamma": Outcome.RESTORED, "Epsilon": Outcome.FAILED}
    assert "set DATABASE_SERVER_EAST_URL" in restored["Epsilon"].problem
    assert outcomes(restore(backup, server="main")) == {"Gamma": Outcome.KEPT, "Epsilon": Outcome.RESTORED}
    assert Casino.objects.get(name="Epsilon").server_id == "main"
    settings.DATABASE_SERVERS = known


@pytest.mark.exhaustive
def test_users_who_were_erased_after_their_casinos_dump_are_counted(gamma, delta, lose_everything, now):
    for done_at in (now - timedelta(days=1), now + timedelta(hours=1)):
        PrivacyRecord.objects.create(
            casino_id=gamma.pk, user_id=1, action=PrivacyAction.ERASED, asked_by="a test", done_at=done_at
        )
    backup = back_up_installation()
    lose_everything()
    restored = restore(backup)
    assert (restored["Gamma"].erased_since, restored["Delta"].erased_since) == (1, 0)


@pytest.mark.exhaustive
def test_damaged_catalogue_is_refused_before_anything_is_created(backup, lose_everything):
    lose_everything()
    (backup.folder / CATALOGUE_DUMP).write_bytes(b"PGDMP")
    with pytest.raises(BackupInvalid, match=r"catalogue\.dump is damaged"):
        restore(backup)
    with server_cursor("postgres") as cursor:
        assert not database_exists(cursor, RESTORED)


@pytest.mark.exhaustive
def test_two_restores_at_once_are_refused(backup, lose_everything, settings):
    lose_everything()
    settings.CASINO_LOCK_SECONDS = 0.1
    with restore_lock(), pytest.raises(CasinoBusy):
        restore(backup)

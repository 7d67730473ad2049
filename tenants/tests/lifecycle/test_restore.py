import hashlib

import pytest
from django.core.management import call_command
from django.db import OperationalError

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import BackupInvalid, CasinoBusy, CopyFailed, LifecycleError, NoRoom, WrongState
from tenants.lifecycle.backup import DUMP, MANIFEST, back_up
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.restore import prune_casino, restore_casino, restore_generation, retired_databases
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import Casino, CasinoState
from tenants.routing.connections import current_alias
from tenants.routing.context import use_casino
from tenants.schema.version import is_behind
from tenants.tests.casino_rows import User, make_event, offer_version
from tenants.tests.casinos import (
    add_user,
    allows_connections,
    catalogue_refusing,
    databases_on,
    rewrite_manifest,
    users_of,
)


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma")
    add_user(casino, "Ada")
    return casino


@pytest.fixture
def backup(gamma):
    """A backup of Gamma, which has one more user since."""
    folder = back_up(gamma).folder
    add_user(gamma, "Later")
    return folder


def test_restored_casino_has_the_backups_rows_in_a_new_generation(gamma, backup):
    former = gamma.current
    restore_casino(gamma, backup)
    assert (gamma.state, gamma.generation, gamma.db_name) == ("active", 2, f"test_casino_{gamma.pk}_g2")
    assert gamma.current.alias == f"casino_{gamma.pk}_g2"
    assert users_of(gamma) == ["Ada"]
    assert [str(database) for database in retired_databases(gamma)] == [f"{former.db_name} on main"]


def test_restored_casino_keeps_its_sequences_and_triggers(gamma, backup):
    restore_casino(gamma, backup)
    add_user(gamma, "After the restore")
    with use_casino(gamma.current):
        before = offer_version()
        make_event()
        assert offer_version() > before


def test_old_generation_keeps_its_rows_and_refuses_connections(gamma, backup):
    former = gamma.current
    restore_casino(gamma, backup)
    assert databases_on() == {former.db_name, gamma.db_name}
    assert not allows_connections(former.db_name)
    with use_casino(former), pytest.raises(OperationalError, match="not currently accepting connections"):
        User.objects.count()


@pytest.mark.covered
def test_retired_generation_can_be_restored_with_its_later_rows(gamma, backup):
    restore_casino(gamma, backup)
    restore_generation(gamma, 1)
    assert (gamma.generation, users_of(gamma)) == (3, ["Ada", "Later"])
    assert [database.generation for database in retired_databases(gamma)] == [1, 2]
    assert not any(allows_connections(database.db_name) for database in retired_databases(gamma))


@pytest.mark.parametrize("generation", [0, 2, 3])
def test_generation_that_is_not_retired_is_refused_and_the_retired_ones_are_listed(gamma, backup, generation):
    restore_casino(gamma, backup)
    with pytest.raises(LifecycleError, match=f"has no retired generation {generation}; retired generations: 1"):
        restore_generation(gamma, generation)


def test_restoring_twice_makes_two_generations(gamma, backup):
    restore_casino(gamma, backup)
    restore_casino(gamma, backup)
    assert (gamma.generation, users_of(gamma)) == (3, ["Ada"])


def test_casino_can_be_restored_onto_another_server(gamma, backup, second_server):
    restore_casino(gamma, backup, server="east")
    assert (gamma.server, users_of(gamma)) == (second_server, ["Ada"])
    assert databases_on("east") == {gamma.db_name}
    with pytest.raises(NoRoom, match="no database server 'west'"):
        restore_casino(gamma, backup, server="west")
    assert (gamma.server_id, gamma.generation) == ("east", 2)


def test_suspended_casino_stays_suspended(gamma, backup):
    suspend_casino(gamma)
    restore_casino(gamma, backup)
    assert (gamma.state, gamma.generation) == (CasinoState.SUSPENDED, 2)


def test_casino_with_an_interrupted_move_is_active_after_a_restore(gamma, backup):
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.MOVING, state_detail="to east")
    restore_casino(gamma, backup)
    assert (gamma.state, gamma.state_detail) == (CasinoState.ACTIVE, "")
    add_user(gamma, "Written")


def test_deleted_casino_is_restored(gamma, backup):
    kept = delete_casino(gamma)
    assert kept is not None
    restore_casino(gamma, kept.folder)
    assert (gamma.state, gamma.server_id, gamma.generation) == (CasinoState.ACTIVE, "main", 2)
    assert users_of(gamma) == ["Ada", "Later"]


def test_deleted_casino_whose_name_was_reused_is_not_restored(gamma, backup):
    delete_casino(gamma, backup=False)
    successor = create_casino("Gamma")
    with pytest.raises(WrongState, match=rf"can't be restored: Gamma \(casino {successor.pk}\) now has its name"):
        restore_casino(gamma, backup)
    assert databases_on() == {successor.db_name}


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.DELETING])
def test_unfinished_or_half_deleted_casino_is_not_restored(gamma, backup, state):
    Casino.objects.filter(pk=gamma.pk).update(state=state)
    with pytest.raises(WrongState, match=f"is {state}"):
        restore_casino(gamma, backup)


def test_casino_that_another_process_works_on_is_not_restored(gamma, backup, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    for service in (lambda: restore_casino(gamma, backup), lambda: restore_generation(gamma, 1)):
        with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
            service()


def _spoil_dump(folder):
    """A dump with the right checksum that pg_restore can't read."""
    content = (folder / DUMP).read_bytes()[:-2_000]
    (folder / DUMP).write_bytes(content)
    rewrite_manifest(folder, sha256=hashlib.sha256(content).hexdigest())


def test_dump_that_cannot_be_loaded_leaves_the_casino_unchanged_and_no_unfinished_database(gamma, backup):
    _spoil_dump(backup)
    with pytest.raises(CopyFailed, match=rf"pg_restore of {gamma.db_name}_g2 on main failed"):
        restore_casino(gamma, backup)
    assert (gamma.state, gamma.generation, users_of(gamma)) == ("active", 1, ["Ada", "Later"])
    assert databases_on() == {gamma.db_name}
    assert [database.generation for database in gamma.databases.all()] == [1]


def test_failed_restore_of_a_deleted_casino_leaves_it_deleted_without_a_database(gamma, backup):
    delete_casino(gamma, backup=False)
    _spoil_dump(backup)
    with pytest.raises(CopyFailed):
        restore_casino(gamma, backup)
    assert (gamma.state, databases_on(), gamma.databases.exists()) == (CasinoState.DELETED, set(), False)


def test_restore_that_fails_at_its_end_leaves_the_casino_unchanged(gamma, backup):
    with catalogue_refusing("NEW.generation = 2"), pytest.raises(OperationalError, match="the disk is full"):
        restore_casino(gamma, backup)
    assert (gamma.generation, users_of(gamma)) == (1, ["Ada", "Later"])
    assert databases_on() == {gamma.db_name}
    restore_casino(gamma, backup)
    assert users_of(gamma) == ["Ada"]


@pytest.mark.exhaustive
def test_backup_of_an_older_release_is_migrated(gamma):
    with use_casino(gamma.current):
        call_command("migrate", "recommendations", "0001", database=current_alias(), verbosity=0)
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("DROP TABLE casino_identity")
    restore_casino(gamma, back_up(gamma).folder)
    assert not is_behind(gamma.schema_version)
    with use_casino(gamma.current):
        before = offer_version()
        make_event()
        assert offer_version() > before


def test_foreign_database_with_the_new_generations_name_is_not_touched(gamma, backup):
    foreign = f"{gamma.db_name}_g2"
    with server_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(foreign)}")
    with pytest.raises(LifecycleError, match=f"a database {foreign} already exists on server main"):
        restore_casino(gamma, backup)
    assert databases_on() == {gamma.db_name, foreign}
    assert users_of(gamma) == ["Ada", "Later"]


def test_backup_without_its_manifest_is_refused_before_anything_is_created(gamma, backup):
    (backup / MANIFEST).unlink()
    with pytest.raises(BackupInvalid):
        restore_casino(gamma, backup)
    assert databases_on() == {gamma.db_name}


@pytest.mark.covered
def test_pruning_drops_the_retired_generations_and_no_other(gamma, backup):
    restore_casino(gamma, backup)
    restore_casino(gamma, backup)
    steps: list[str] = []
    dropped = prune_casino(gamma, report=steps.append)
    assert [database.db_name for database in dropped] == [f"test_casino_{gamma.pk}", f"test_casino_{gamma.pk}_g2"]
    assert steps == [f"dropping test_casino_{gamma.pk} on main", f"dropping test_casino_{gamma.pk}_g2 on main"]
    assert databases_on() == {gamma.db_name} == {f"test_casino_{gamma.pk}_g3"}
    assert users_of(gamma) == ["Ada"]
    assert prune_casino(gamma) == []


@pytest.mark.covered
def test_number_of_a_pruned_generation_is_not_reused(gamma, backup):
    restore_casino(gamma, backup)
    prune_casino(gamma)
    restore_casino(gamma, backup)
    assert gamma.generation == 3


def test_missing_retired_database_does_not_prevent_pruning(gamma, backup):
    restore_casino(gamma, backup)
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(f'test_casino_{gamma.pk}')}")
    prune_casino(gamma)
    assert retired_databases(gamma) == []


def test_casino_that_another_process_works_on_is_not_pruned(gamma, backup, settings):
    restore_casino(gamma, backup)
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
        prune_casino(gamma)
    assert len(retired_databases(gamma)) == 1

import pytest

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import BackupInvalid, CasinoBusy, UnknownServer
from tenants.lifecycle.backup import back_up, backups_of, read_backup
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.move import move_casino
from tenants.lifecycle.restore import prune_casino, restore_casino
from tenants.lifecycle.suspend import suspend_casino
from tenants.models import Casino, CasinoDatabase, CasinoState
from tenants.tests.casinos import add_user, databases_on, users_of


@pytest.fixture
def gamma(real_databases):
    casino = create_casino("Gamma")
    add_user(casino, "Ada")
    return casino


def test_deleted_casino_leaves_its_row_and_a_backup_and_no_database(gamma, client):
    kept = delete_casino(gamma)
    assert kept is not None
    assert (gamma.state, gamma.db_name, gamma.server, gamma.schema_version) == (CasinoState.DELETED, None, None, "")
    assert databases_on() == set()
    assert not CasinoDatabase.objects.exists()
    assert read_backup(kept.folder).manifest.identity == gamma.identity
    assert client.get("/config", headers={"Casino-ID": str(gamma.pk)}).status_code == 404


def test_id_of_a_deleted_casino_is_not_reused_but_its_name_is(gamma):
    delete_casino(gamma, backup=False)
    successor = create_casino("Gamma")
    assert successor.pk > gamma.pk
    assert users_of(successor) == []


def test_nothing_is_cached_with_a_ttl_of_zero(gamma, settings):
    assert delete_casino(gamma, backup=False) is None
    assert backups_of(gamma) == []


def test_last_backup_is_written_into_the_named_folder(gamma, tmp_path):
    kept = delete_casino(gamma, folder=tmp_path / "last")
    assert kept is not None
    assert kept.folder == tmp_path / "last"


@pytest.mark.covered
def test_all_generations_on_all_servers_are_dropped(gamma, second_server):
    restore_casino(gamma, back_up(gamma).folder)
    move_casino(gamma, "east")
    delete_casino(gamma)
    assert databases_on("main") == databases_on("east") == set()


@pytest.mark.parametrize("state", [CasinoState.ACTIVE, CasinoState.SUSPENDED])
def test_casino_stays_in_service_if_the_last_backup_fails(gamma, tmp_path, state):
    if state == CasinoState.SUSPENDED:
        suspend_casino(gamma, reason="unpaid")
    before = gamma.state, gamma.state_detail
    with pytest.raises(BackupInvalid, match="already exists"):
        delete_casino(gamma, folder=tmp_path)
    assert (gamma.state, gamma.state_detail) == before
    assert users_of(gamma) == ["Ada"]


class _Interrupted(BaseException):
    """Like KeyboardInterrupt, not a subclass of Exception."""


def _interrupt_at(step):
    def report(now):
        if now.startswith(step):
            raise _Interrupted

    return report


def test_casino_stays_in_service_if_the_last_backup_is_interrupted(gamma):
    with pytest.raises(_Interrupted):
        delete_casino(gamma, report=_interrupt_at("dumping"))
    assert (gamma.state, users_of(gamma)) == (CasinoState.ACTIVE, ["Ada"])


def test_deletion_that_was_interrupted_while_dropping_is_finished_by_the_same_call(gamma):
    restore_casino(gamma, back_up(gamma).folder)
    with pytest.raises(_Interrupted):
        delete_casino(gamma, report=_interrupt_at(f"dropping test_casino_{gamma.pk} "))
    gamma.refresh_from_db()
    assert gamma.state == CasinoState.DELETING
    assert databases_on() == {f"test_casino_{gamma.pk}"}
    assert delete_casino(gamma) is None
    assert (gamma.state, databases_on()) == (CasinoState.DELETED, set())


def test_deleting_a_deleted_casino_does_nothing(gamma):
    kept = delete_casino(gamma)
    assert delete_casino(gamma) is None
    assert backups_of(gamma) == [kept]


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.FAILED])
def test_casino_that_never_got_a_database_is_deleted_without_a_backup(real_databases, state):
    casino = Casino.objects.create(name="Gamma", state=state)
    assert delete_casino(casino) is None
    assert casino.state == CasinoState.DELETED


def test_casino_with_a_missing_database_can_be_deleted(gamma):
    with server_cursor() as cursor:
        cursor.execute(f"DROP DATABASE {quoted(gamma.db_name)} WITH (FORCE)")
    assert delete_casino(gamma) is None
    assert gamma.state == CasinoState.DELETED


def test_casino_on_an_unavailable_server_is_not_deleted(gamma, second_server, settings):
    move_casino(gamma, "east")
    prune_casino(gamma)
    known, settings.DATABASE_SERVERS = settings.DATABASE_SERVERS, {}
    with pytest.raises(UnknownServer, match="set DATABASE_SERVER_EAST_URL"):
        delete_casino(gamma)
    assert gamma.state == CasinoState.ACTIVE
    settings.DATABASE_SERVERS = known
    assert users_of(gamma) == ["Ada"]


def test_casino_that_another_process_works_on_is_not_deleted(gamma, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
        delete_casino(gamma)
    assert (gamma.state, users_of(gamma)) == (CasinoState.ACTIVE, ["Ada"])

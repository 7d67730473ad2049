import pytest
from django.db import OperationalError

from tenants.databases.locks import casino_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import CasinoBusy, CopyFailed, DatabaseReadOnly, LifecycleError, NoRoom, UnknownServer, WrongState
from tenants.lifecycle import databases
from tenants.lifecycle.create import create_casino, store_casinos
from tenants.lifecycle.move import cancel_move, move_casino
from tenants.lifecycle.pg_dump import check_equal
from tenants.lifecycle.restore import prune_casino, retired_databases
from tenants.lifecycle.suspend import resume_casino, suspend_casino
from tenants.models import Casino, CasinoState, DatabaseServer, ServerState
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user
from tenants.tests.casinos import add_user, allows_connections, catalogue_refusing, databases_on, users_of


@pytest.fixture
def gamma(second_server):
    casino = create_casino("Gamma", server="main")
    add_user(casino, "Ada")
    return casino


def test_moved_casino_is_readable_and_writable_on_the_other_server(gamma, second_server):
    steps: list[str] = []
    move_casino(gamma, "east", report=steps.append)
    assert (gamma.server, gamma.state, gamma.state_detail) == (second_server, "active", "")
    assert (gamma.generation, gamma.db_name) == (2, f"test_casino_{gamma.pk}_g2")
    add_user(gamma, "Written there")
    assert users_of(gamma) == ["Ada", "Written there"]
    assert [step.split(" ")[0] for step in steps] == [
        "creating", "closing", "copying", "writing", "activating", "waiting", "closing",
    ]  # fmt: skip


def test_old_database_stays_closed_until_the_casino_is_pruned(gamma):
    move_casino(gamma, "east")
    assert [str(database) for database in retired_databases(gamma)] == [f"test_casino_{gamma.pk} on main"]
    assert not allows_connections(f"test_casino_{gamma.pk}")
    prune_casino(gamma)
    assert (databases_on("main"), databases_on("east")) == (set(), {gamma.db_name})
    assert users_of(gamma) == ["Ada"]


@pytest.mark.covered
def test_deleted_casino_can_become_active_again(gamma):
    move_casino(gamma, "east")
    add_user(gamma, "Written there")
    move_casino(gamma, "main")
    assert (gamma.server_id, gamma.generation) == ("main", 3)
    assert users_of(gamma) == ["Ada", "Written there"]
    add_user(gamma, "Written here")


@pytest.mark.covered
def test_other_casinos_stay_where_they_are(gamma):
    (delta,) = store_casinos(["Delta"])
    where = delta.server_id
    move_casino(gamma, "east")
    delta.refresh_from_db()
    assert (delta.server_id, users_of(delta)) == (where, [])


def test_suspended_casino_moves_and_stays_suspended(gamma):
    suspend_casino(gamma)
    move_casino(gamma, "east")
    assert (gamma.server_id, gamma.state) == ("east", CasinoState.SUSPENDED)
    add_user(gamma, "By Kafka")


def test_frozen_database_is_readable_and_not_writable(gamma):
    databases.freeze(databases.current_database(gamma))
    assert users_of(gamma) == ["Ada"]
    with pytest.raises(DatabaseReadOnly, match="is read-only at present"):
        add_user(gamma, "Lost")
    databases.unfreeze(databases.current_database(gamma))
    add_user(gamma, "Kept")
    assert users_of(gamma) == ["Ada", "Kept"]


def test_running_transaction_ends_before_the_database_is_frozen(gamma):
    """Earlier writes are in the copy; earlier connections are closed or read-only."""
    with use_casino(gamma.current):
        make_user("Before")
        databases.freeze(databases.current_database(gamma))
        with pytest.raises(OperationalError):
            make_user("After")
    assert users_of(gamma) == ["Ada", "Before"]


def test_moving_to_the_current_server_only_cleans_up_after_a_crash(gamma):
    databases.freeze(databases.current_database(gamma))
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.MOVING, state_detail="to east")
    move_casino(gamma, "main")
    assert (gamma.state, gamma.state_detail, gamma.generation) == (CasinoState.ACTIVE, "", 1)
    add_user(gamma, "Written")


def test_interrupted_move_starts_over(gamma, second_server):
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.MOVING)
    left_over = databases.plan_database(gamma, second_server)
    databases.create_empty(left_over)
    databases.freeze(databases.current_database(gamma))
    move_casino(gamma, "east")
    assert (gamma.state, users_of(gamma)) == (CasinoState.ACTIVE, ["Ada"])
    assert databases_on("east") == {gamma.db_name}


def test_interrupted_move_can_be_cancelled(gamma, second_server):
    Casino.objects.filter(pk=gamma.pk).update(state=CasinoState.MOVING)
    databases.create_empty(databases.plan_database(gamma, second_server))
    databases.freeze(databases.current_database(gamma))
    cancel_move(gamma)
    assert (gamma.state, gamma.server_id, databases_on("east")) == (CasinoState.ACTIVE, "main", set())
    add_user(gamma, "Written")


def test_move_that_fails_at_its_end_leaves_the_casino_writable_where_it_was(gamma):
    with catalogue_refusing("NEW.generation = 2"), pytest.raises(OperationalError, match="the disk is full"):
        move_casino(gamma, "east")
    assert (gamma.state, gamma.server_id, databases_on("east")) == (CasinoState.ACTIVE, "main", set())
    add_user(gamma, "Written")
    move_casino(gamma, "east")
    assert users_of(gamma) == ["Ada", "Written"]


def test_move_that_cannot_copy_leaves_the_casino_writable_where_it_was(gamma):
    """A row that violates a newer rule can be dumped but not loaded."""
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("CREATE FUNCTION never() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'")
        cursor.execute("INSERT INTO teams (name, sport) VALUES ('ARSENAL', 'FOOTBALL')")
        cursor.execute("ALTER TABLE teams ADD number int GENERATED ALWAYS AS (never()) STORED")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION never() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1/0; END'"
        )
    with pytest.raises(CopyFailed, match="division by zero"):
        move_casino(gamma, "east")
    assert (gamma.state, gamma.server_id, databases_on("east")) == (CasinoState.ACTIVE, "main", set())
    with use_casino(gamma.current):
        assert User.objects.filter(name="Ada").update(surname="Written") == 1


def test_difference_in_rows_is_reported_by_table(gamma):
    other = create_casino("Delta", server="main")
    source, target = databases.current_database(gamma), databases.current_database(other)
    with pytest.raises(CopyFailed, match=r"differ in their numbers of rows: public\.users: 1 and 0\."):
        check_equal(source, target)
    add_user(other, "Somebody")
    check_equal(source, target)


def test_move_with_an_incomplete_copy_leaves_the_casino_where_it_was(gamma):
    """pg_dump omits an extension's tables."""
    with server_cursor(gamma.db_name) as cursor:
        cursor.execute("CREATE TABLE lost ()")
        cursor.execute("ALTER EXTENSION plpgsql ADD TABLE lost")
    with pytest.raises(CopyFailed, match=r"differ in their numbers of rows: public\.lost: 0 and None"):
        move_casino(gamma, "east")
    assert (gamma.state, gamma.server_id, databases_on("east")) == (CasinoState.ACTIVE, "main", set())
    add_user(gamma, "Written")


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.FAILED, CasinoState.DELETING])
def test_casino_without_a_complete_database_does_not_move(gamma, state):
    Casino.objects.filter(pk=gamma.pk).update(state=state)
    with pytest.raises(WrongState, match=f"is {state}"):
        move_casino(gamma, "east")


def test_casino_does_not_move_where_there_is_no_room(gamma, second_server, settings):
    DatabaseServer.objects.filter(pk="east").update(state=ServerState.CLOSED)
    with pytest.raises(NoRoom, match="east is closed"):
        move_casino(gamma, "east")
    with pytest.raises(NoRoom, match="no database server 'west'"):
        move_casino(gamma, "west")
    assert (gamma.state, gamma.server_id) == (CasinoState.ACTIVE, "main")
    add_user(gamma, "Written")


def test_casino_stays_if_the_other_server_is_unavailable(gamma, settings):
    address = {**settings.DATABASE_SERVERS["east"]["requests"], "HOST": "127.0.0.1", "PORT": "1"}
    settings.DATABASE_SERVERS = {**settings.DATABASE_SERVERS, "west": {"requests": address}}
    DatabaseServer.objects.create(name="west")
    with pytest.raises(OperationalError):
        move_casino(gamma, "west")
    assert (gamma.state, gamma.server_id, gamma.databases.count()) == (CasinoState.ACTIVE, "main", 1)
    add_user(gamma, "Written")


def test_casino_that_another_process_works_on_does_not_move(gamma, settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    with casino_lock(gamma.pk), pytest.raises(CasinoBusy):
        move_casino(gamma, "east")


def test_casino_on_a_server_that_lost_its_address_says_which_variable_is_missing(gamma, settings):
    move_casino(gamma, "east")
    addresses = settings.DATABASE_SERVERS
    settings.DATABASE_SERVERS = {}
    with pytest.raises(UnknownServer, match="set DATABASE_SERVER_EAST_URL"):
        move_casino(gamma, "main")
    settings.DATABASE_SERVERS = addresses
    gamma.refresh_from_db()
    cancel_move(gamma)
    assert gamma.state == CasinoState.ACTIVE


def test_foreign_database_on_the_other_server_is_not_touched(gamma):
    foreign = f"test_casino_{gamma.pk}_g2"
    with server_cursor(server="east") as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(foreign)}")
    with pytest.raises(LifecycleError, match=f"a database {foreign} already exists on server east"):
        move_casino(gamma, "east")
    assert databases_on("east") == {foreign}
    assert (gamma.state, users_of(gamma)) == (CasinoState.ACTIVE, ["Ada"])


def test_resuming_cleans_up_after_an_interrupted_move(gamma):
    suspend_casino(gamma)
    databases.freeze(databases.current_database(gamma))
    resume_casino(gamma)
    add_user(gamma, "Written again")
    assert users_of(gamma) == ["Ada", "Written again"]

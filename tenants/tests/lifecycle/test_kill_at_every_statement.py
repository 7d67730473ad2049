"""SIGKILL at every seventh statement of a casino's creation, restore, move and deletion (CRASH_STEP=1: at every one);
then the same call again, or the doctor, repairs the rest."""

import os
from collections.abc import Callable
from functools import partial
from itertools import count

import pytest

from tenants.databases.servers import server_cursor
from tenants.lifecycle.backup import back_up
from tenants.lifecycle.create import create_casino, provision
from tenants.lifecycle.delete import delete_casino
from tenants.lifecycle.doctor.examine import examine, repair
from tenants.lifecycle.doctor.findings import Finding
from tenants.lifecycle.move import move_casino
from tenants.lifecycle.restore import restore_casino
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user
from tenants.tests.casinos import wait_until_free
from tenants.tests.exhaustive import scaled
from tenants.tests.kill_at_statement import run_and_kill

STEP = int(os.environ.get("CRASH_STEP", scaled(25, 7)))  # odd, so that both ways back take turns


def _findings() -> list[Finding]:
    """All findings but those of the predeclared casinos' databases, which are not in the catalogue."""
    return [finding for finding in examine() if finding.database not in ("test_casino_1", "test_casino_2")]


def _repair_all() -> None:
    assert [(finding.problem, error) for finding, error in repair(_findings()) if error] == []


def _in_order() -> None:
    assert _findings() == []


def _names(casino: Casino) -> list[str]:
    with use_casino(casino.current):
        return list(User.objects.order_by("id").values_list("name", flat=True))


def _assert_serves(casino: Casino, *names: str) -> None:
    """The casino has these users and no others, and takes one more."""
    casino.refresh_from_db()
    assert casino.state == CasinoState.ACTIVE
    assert _names(casino) == list(names)
    with use_casino(casino.current):
        make_user("Written afterwards")


def _make_casino(*names: str) -> Casino:
    casino = create_casino("Gamma")
    with use_casino(casino.current):
        for name in names:
            make_user(name)
    return casino


def _drop_everything(casino: Casino) -> None:
    delete_casino(casino, backup=False)


def _walk(prepare: Callable[[], Casino], work: Callable[[Casino], object], check: Callable[[Casino, bool], None]):
    """Kill `work` before its first statement, one `STEP` later and so on, each time with a new casino. After every
    other kill `work` is run again, after the others the doctor; `check` gets which."""
    for statement in count(1, STEP):
        casino = prepare()
        was_killed = run_and_kill(partial(work, casino), before_statement=statement)
        by_doctor = statement % 2 == 0
        if was_killed and by_doctor:
            wait_until_free(casino)  # or the doctor skips the busy casino
            _repair_all()
        elif was_killed:
            casino.refresh_from_db()
            work(casino)
        check(casino, was_killed and by_doctor)
        wait_until_free(casino)
        _in_order()
        _drop_everything(casino)
        if not was_killed:
            assert statement > 10
            return


@pytest.mark.no_cover
@pytest.mark.scaled
def test_creation_can_be_killed_anywhere(real_databases):
    create_casino("Template made beforehand")

    def check(casino, by_doctor):
        _assert_serves(casino)

    _walk(lambda: Casino.objects.create(name="Gamma"), provision, check)


@pytest.mark.no_cover
@pytest.mark.exhaustive
def test_first_creation_on_a_server_can_be_killed_anywhere_while_the_template_is_created(second_server):
    """The template is created each time, since its migration must survive a kill."""

    def prepare():
        with server_cursor("postgres", server="east") as cursor:
            cursor.execute("DROP DATABASE IF EXISTS test_casino_template WITH (FORCE)")
        return Casino.objects.create(name="Gamma")

    for statement in count(3, step=scaled(75, 21)):
        casino = prepare()
        was_killed = run_and_kill(partial(provision, casino, server="east"), before_statement=statement)
        provision(casino, server="east")
        _assert_serves(casino)
        _drop_everything(casino)
        if not was_killed:
            assert statement > 50
            return


@pytest.mark.no_cover
@pytest.mark.exhaustive
def test_restore_can_be_killed_anywhere(real_databases):
    folders = {}

    def prepare():
        casino = _make_casino("Backed up")
        folders[casino.pk] = back_up(casino).folder
        with use_casino(casino.current):
            make_user("Since then")
        return casino

    def check(casino, by_doctor):
        casino.refresh_from_db()
        is_old = by_doctor and casino.generation == 1
        _assert_serves(casino, "Backed up", *(["Since then"] if is_old else []))

    _walk(prepare, lambda casino: restore_casino(casino, folders[casino.pk]), check)


@pytest.mark.no_cover
@pytest.mark.exhaustive
def test_move_can_be_killed_anywhere(second_server):
    def check(casino, by_doctor):
        _assert_serves(casino, "Moved along")
        assert by_doctor or casino.server_id == "east"

    _walk(lambda: _make_casino_on_main("Moved along"), lambda casino: move_casino(casino, "east"), check)


def _make_casino_on_main(*names: str) -> Casino:
    casino = create_casino("Gamma", server="main")
    with use_casino(casino.current):
        for name in names:
            make_user(name)
    return casino


@pytest.mark.no_cover
@pytest.mark.exhaustive
def test_deletion_can_be_killed_anywhere(real_databases):
    def check(casino, by_doctor):
        casino.refresh_from_db()
        if casino.state == CasinoState.ACTIVE:  # killed before it had begun, and nothing was wrong with it
            _assert_serves(casino, "Kept in the backup")
            return
        assert casino.state == CasinoState.DELETED
        with server_cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"test_casino_{casino.pk}%"])
            assert cursor.fetchall() == []

    _walk(lambda: _make_casino("Kept in the backup"), delete_casino, check)


@pytest.mark.usefixtures("real_databases")
def test_killed_deletion_leaves_a_backup_that_can_be_restored():
    casino = _make_casino("Comes back")
    backup = delete_casino(casino)
    assert backup is not None
    restore_casino(casino, backup.folder)
    _assert_serves(casino, "Comes back")
    assert casino.generation == 2

import threading

import pytest
from django.db import OperationalError, connection

from tenants.databases.locks import busy_casinos, casino_lock, catalogue_lock, named_lock, template_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.errors import CasinoBusy
from tenants.models import Casino
from tenants.tests.casinos import wait_until_free

pytestmark = [pytest.mark.usefixtures("real_databases"), pytest.mark.covered]


@pytest.mark.parametrize("lock", [catalogue_lock, template_lock, lambda: casino_lock(7), lambda: named_lock("any")])
def test_lock_is_exclusive_and_released_after_an_error(lock):
    entered = threading.Event()

    def enter() -> None:
        with lock():
            entered.set()

    waiting = threading.Thread(target=enter)

    def fail_while_another_waits() -> None:
        waiting.start()
        assert not entered.wait(0.3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), lock():
        fail_while_another_waits()
    waiting.join(120)
    assert entered.is_set()


def test_locks_of_different_things_do_not_wait_for_each_other(settings):
    settings.CASINO_LOCK_SECONDS = 0.1
    settings.DATABASE_SERVERS = {"east": {"requests": {}}}  # the address of the main server
    with casino_lock(7), casino_lock(8), catalogue_lock(), template_lock("main"), template_lock("east"):
        pass


def test_the_cursor_of_a_templates_lock_is_on_the_templates_server(second_server):
    with template_lock() as main, template_lock("east") as east:
        for cursor, server in ((main, "main"), (east, "east")):
            cursor.execute("SELECT current_setting('unix_socket_directories')")
            with server_cursor(server=server) as there:
                there.execute("SELECT current_setting('unix_socket_directories')")
                assert cursor.fetchone() == there.fetchone()
    assert main.connection is not east.connection


def test_lock_of_a_busy_casino_times_out_and_says_what_to_do(settings):
    settings.CASINO_LOCK_SECONDS = 0.2
    busy = pytest.raises(CasinoBusy, match=r"working on casino 7 for over 0\.2 s; try again later")
    with casino_lock(7), busy, casino_lock(7):
        pass


def test_lock_is_released_when_its_holders_connection_breaks():
    with casino_lock(7) as holder:
        holder.execute("SELECT pg_backend_pid()")
        (pid,) = holder.fetchone()
        with server_cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with casino_lock(7):
            pass


def test_locked_casinos_are_busy_and_the_check_locks_none():
    with casino_lock(7), casino_lock(9):
        assert busy_casinos([7, 8, 9]) == {7, 9}
        assert busy_casinos([8]) == set()
    wait_until_free(Casino(pk=7), Casino(pk=9))
    assert busy_casinos([]) == set()


def test_other_lock_errors_are_not_casino_busy():
    """The database's own limit ends the wait for a lock that was to be waited for."""
    name = quoted(connection.settings_dict["NAME"])
    with server_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} SET lock_timeout = '100ms'")
    try:
        with template_lock(), pytest.raises(OperationalError, match="lock timeout"), template_lock():
            pass
    finally:
        with server_cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET lock_timeout")

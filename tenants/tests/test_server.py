import threading

import pytest
from django.db import connection, transaction

from tenants.models import Casino
from tenants.server import database_exists, provisioning_lock, quoted, server_cursor

pytestmark = pytest.mark.usefixtures("real_databases")


def test_server_cursor_stands_outside_the_callers_transaction():
    with transaction.atomic():
        Casino.objects.create(name="Rolled back")
        with server_cursor() as cursor:
            cursor.execute(
                "INSERT INTO casinos (name, state, state_detail, created_at) VALUES ('Stays', '', '', now())"
            )
        transaction.set_rollback(True)
    assert [casino.name for casino in Casino.objects.all()] == ["Stays"]


def test_server_cursor_opens_the_database_that_is_named():
    with server_cursor("postgres") as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == ("postgres",)
    with server_cursor() as cursor:
        cursor.execute("SELECT current_database()")
        assert cursor.fetchone() == (connection.settings_dict["NAME"],)


def test_provisioning_lock_lets_one_in_at_a_time_and_is_free_after_an_error():
    entered = threading.Event()

    def enter() -> None:
        with provisioning_lock():
            entered.set()

    waiting = threading.Thread(target=enter)

    def fail_while_another_waits() -> None:
        waiting.start()
        assert not entered.wait(0.3)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), provisioning_lock():
        fail_while_another_waits()
    waiting.join(5)
    assert entered.is_set()


def test_database_is_found_once_it_is_made():
    name = "test_casino_9999"
    with server_cursor() as cursor:
        assert not database_exists(cursor, name)
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
        assert database_exists(cursor, name)


def test_names_are_quoted_so_that_case_and_dashes_are_kept():
    assert quoted("Casino-9") == '"Casino-9"'

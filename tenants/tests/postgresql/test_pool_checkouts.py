"""Check-in of connections to real casino databases: its time, and the connections' state."""

import pytest
from django.core.signals import request_finished
from django.db import OperationalError, close_old_connections, transaction

from tenants.current_casino import CurrentCasino
from tenants.routing.connections import casino_atomic, casino_connection, connection_metrics, current_alias
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user
from tenants.tests.connection_users import backend, backend_of, execute, in_thread, metrics

pytestmark = pytest.mark.usefixtures("real_databases", "empty_pool")


def test_connection_is_checked_in_at_the_end_of_the_block_and_reused_by_another_thread(gamma):
    with use_casino(gamma):
        pid = backend()
        assert metrics() == (1, 0)
    assert metrics() == (0, 1)
    assert in_thread(lambda: backend_of(gamma)) == pid


def test_entering_the_same_casino_again_inside_the_block_keeps_the_connection(gamma):
    with use_casino(gamma):
        pid = backend()
        with use_casino(gamma):
            assert backend() == pid
        assert metrics() == (1, 0)


def test_block_that_raises_checks_its_connection_in_too(gamma):
    def fail() -> None:
        with use_casino(gamma):
            backend()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert metrics() == (0, 1)


def test_connection_left_at_the_end_of_a_request_is_checked_in(gamma):
    with use_casino(gamma):
        backend()
        request_finished.send(sender=None)
        assert metrics() == (0, 1)


def test_connection_used_after_its_block_is_checked_in_with_the_next_block_or_request(gamma, delta):
    with use_casino(gamma):
        kept = casino_connection()
    kept.ensure_connection()
    close_old_connections()
    assert metrics() == (0, 1)
    kept.ensure_connection()
    with use_casino(delta):
        backend()
        assert connection_metrics().in_use == 1


def test_thread_that_loops_over_casinos_has_one_connection(gamma, delta):
    with use_casino(gamma):
        backend()
        with use_casino(delta, switch=True):
            backend()
            assert metrics() == (1, 1)
        assert metrics() == (0, 2)
        assert User.objects.count() == 0
        assert metrics() == (1, 1)


def test_oldest_idle_wrappers_are_dropped(gamma):
    with use_casino(gamma):
        first = casino_connection()
        backend()
    for casino_id in range(901, 921):
        with use_casino(CurrentCasino(id=casino_id, db_name="never_opened")):
            casino_connection()
    with use_casino(gamma):
        assert casino_connection() is not first
        assert User.objects.count() == 0


def test_connection_of_an_open_transaction_is_kept_while_another_casino_is_current(gamma, delta):
    with use_casino(gamma), casino_atomic():
        make_user("In the transaction")
        pid = backend()
        with use_casino(delta, switch=True):
            backend()
            assert not User.objects.exists()
            assert connection_metrics().in_use == 2
        assert User.objects.get().name == "In the transaction"
        assert backend() == pid


def test_transaction_survives_entering_many_casinos_inside_it(gamma):
    with use_casino(gamma):
        pid = backend()
    with use_casino(gamma), casino_atomic():
        make_user("In the transaction")
        for casino_id in range(901, 921):
            with use_casino(CurrentCasino(id=casino_id, db_name="never_opened"), switch=True):
                casino_connection()
        assert User.objects.get().name == "In the transaction"
        assert backend() == pid


def test_connection_of_an_open_server_side_cursor_is_kept_until_it_is_read(gamma):
    with use_casino(gamma):
        for number in range(5):
            make_user(f"User {number}")
        users = User.objects.order_by("pk").iterator(chunk_size=2)
        assert next(users).name == "User 0"
    assert metrics() == (1, 0)
    assert [user.name for user in users] == ["User 1", "User 2", "User 3", "User 4"]
    close_old_connections()
    assert metrics() == (0, 1)


def test_connection_with_a_server_side_cursor_open_at_the_end_of_a_request_is_closed(gamma):
    with use_casino(gamma):
        make_user("One")
        make_user("Two")
        users = User.objects.order_by("pk").iterator(chunk_size=1)
        next(users)
    close_old_connections()
    assert connection_metrics().open == 0
    users.close()


def test_transaction_left_open_is_rolled_back_before_the_next_use(gamma):
    with use_casino(gamma):
        pid = backend()
        execute("BEGIN")
        make_user("Never committed")
    with use_casino(gamma):
        assert backend() == pid
        assert not User.objects.exists()


def test_transaction_that_failed_is_rolled_back_before_the_next_use(gamma):
    with use_casino(gamma):
        execute("BEGIN")
        with pytest.raises(Exception, match="nowhere"):
            execute("SELECT * FROM nowhere")
    with use_casino(gamma):
        assert not User.objects.exists()


def test_connection_left_without_autocommit_is_not_used_again(gamma):
    with use_casino(gamma):
        pid = backend()
        transaction.set_autocommit(False, using=current_alias())
        make_user("Never committed")
    assert connection_metrics().open == 0
    with use_casino(gamma):
        assert backend() != pid
        assert casino_connection().get_autocommit()
        assert not User.objects.exists()


@pytest.mark.covered
def test_connection_closed_inside_a_transaction_is_not_reused(gamma):
    def close_inside() -> None:
        with casino_atomic():
            make_user("Lost")
            casino_connection().close()
            assert connection_metrics().open == 0
            in_thread(lambda: backend_of(gamma))
            User.objects.count()

    with use_casino(gamma):
        with pytest.raises(OperationalError, match="closed"):
            close_inside()
        assert not User.objects.exists()


def test_server_side_cursor_keeps_its_connection_when_its_casino_is_left(gamma, delta):
    for casino, letter in ((gamma, "A"), (delta, "B")):
        with use_casino(casino):
            for key in range(1, 4):
                make_user(f"{letter}{key}", id=key)
    with use_casino(gamma):
        users = User.objects.order_by("id").iterator(chunk_size=1)
        assert next(users).name == "A1"
    with use_casino(delta):
        assert [user.name for user in User.objects.order_by("id").iterator(chunk_size=1)] == ["B1", "B2", "B3"]
        assert next(users).name == "A2"
    with use_casino(gamma):
        assert User.objects.count() == 3
    assert [user.name for user in users] == ["A3"]
    close_old_connections()

"""The connection pool by itself, with connections to no database."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tenants.errors import NoFreeConnection
from tenants.postgresql.pool import ConnectionPool, PoolLimits
from tenants.tests.fake_connections import FakeConnection, FakePool, FakeServer, refuse
from tenants.tests.waiting import require_quick


def test_checked_in_connection_is_reused():
    pool = FakePool()
    connection = pool.use("a")
    assert pool.get("a") is connection
    assert (pool.metrics().opened, pool.metrics().reused) == (1, 1)


def test_connection_has_one_user_at_a_time_and_one_key():
    pool = FakePool()
    first, second = pool.get("a"), pool.get("a")
    assert first is not second
    pool.check_in(first)
    assert pool.get("b") is not first


def test_most_recently_used_idle_connection_is_checked_out():
    pool = FakePool()
    first, second = pool.get("a"), pool.get("a")
    pool.check_in(second)
    pool.check_in(first)
    assert pool.get("a") is first


def test_one_key_gets_at_most_each_connections():
    pool = FakePool(total=3, each=2)
    pool.get("a"), pool.get("a")
    with pytest.raises(NoFreeConnection, match="2 of 3, 2 of 2 of a"):
        pool.get("a")
    assert pool.get("b").is_open


def test_least_recently_used_idle_connection_is_evicted_for_another_key():
    pool = FakePool(total=3)
    connections = {key: pool.use(key) for key in "abc"}
    assert pool.use("a") is connections["a"]
    pool.get("d")
    assert [key for key in "abc" if connections[key].is_open] == ["a", "c"]
    assert pool.metrics().evicted == 1
    assert pool.server.most == 3


def test_exhausted_pool_refuses_and_names_the_settings_to_raise():
    pool = FakePool(total=3)
    for key in "abc":
        pool.get(key)
    with pytest.raises(NoFreeConnection, match=r"in use \(3 of 3, 0 of 2 of d\).*raise CASINO_CONNECTIONS"):
        pool.get("d")
    metrics = pool.metrics()
    assert (metrics.in_use, metrics.waited, metrics.refused) == (3, 1, 1)


def test_refusal_comes_right_after_the_wait():
    def wait_in_vain() -> None:
        pool = FakePool(total=1, wait=0.2)
        pool.get("a")
        started = time.monotonic()
        with pytest.raises(NoFreeConnection):
            pool.get("b")
        assert 0.2 <= pool.metrics().waited_seconds <= time.monotonic() - started

    require_quick(wait_in_vain, 1)


def test_waiting_thread_gets_the_connection_that_is_checked_in():
    pool = FakePool(total=1, wait=60)
    connection = pool.get("a")
    assert pool.get_after_waiting("a", lambda: pool.check_in(connection)) is connection


def test_thread_waiting_for_another_key_gets_the_slot_of_a_checked_in_connection():
    pool = FakePool(total=1, wait=60)
    connection = pool.get("a")
    assert pool.get_after_waiting("b", lambda: pool.check_in(connection)).key == "b"
    assert not connection.is_open
    assert pool.server.most == 1


def test_waiting_thread_gets_the_slot_of_a_discarded_connection():
    pool = FakePool(total=1, wait=60)
    connection = pool.get("a")
    assert pool.get_after_waiting("b", lambda: pool.discard(connection)).key == "b"
    assert pool.server.most == 1


def test_expired_idle_connection_is_closed():
    pool = FakePool(idle=0.05)
    old = pool.use("a")
    time.sleep(0.06)
    pool.get("b")
    assert not old.is_open
    assert (pool.metrics().expired, pool.metrics().open) == (1, 1)


def test_dead_idle_connections_are_replaced():
    pool = FakePool()
    connections = [pool.get("a"), pool.get("a")]
    for connection in connections:
        pool.check_in(connection)
        connection.is_dead = True
    assert not pool.get("a").is_dead
    assert [connection.is_open for connection in connections] == [False, False]
    assert (pool.metrics().lost, pool.metrics().open) == (2, 1)


def test_slot_is_released_when_the_check_of_an_idle_connection_fails():
    def fail(connection, idle_seconds):
        raise ValueError("an unforeseen error")

    pool = ConnectionPool(lambda: PoolLimits(total=1, each=1, idle=60, wait=0), fail)
    server = FakeServer()
    pool.check_in(pool.check_out("a", lambda: server.connect("a")))
    with pytest.raises(ValueError, match="unforeseen"):
        pool.check_out("a", lambda: server.connect("a"))
    assert server.open["a"] == 0
    assert pool.check_out("a", lambda: server.connect("a")) is not None


def test_slot_is_released_when_connecting_fails():
    pool = FakePool(total=1)
    with pytest.raises(ConnectionRefusedError):
        pool.check_out("a", refuse)
    assert pool.metrics().open == 0
    assert pool.get("b").is_open


def test_waiting_thread_gets_the_slot_of_a_failed_connect():
    pool = FakePool(total=1, wait=60)
    may_fail = threading.Event()

    def refuse_late() -> FakeConnection:
        may_fail.wait(120)
        return refuse()

    with ThreadPoolExecutor(1) as executor:
        failing = executor.submit(pool.check_out, "a", refuse_late)
        while not pool.metrics().open:
            time.sleep(0.001)
        assert pool.get_after_waiting("a", may_fail.set).is_open
        with pytest.raises(ConnectionRefusedError):
            failing.result(timeout=120)


def test_slot_is_released_when_closing_fails(caplog):
    pool = FakePool(total=1)
    connection = pool.use("a")
    connection.close()  # so that the pool's own attempt raises
    assert pool.get("b").is_open
    assert "Closing a connection of a failed" in caplog.text


def test_discarded_connection_is_closed_and_not_reused():
    pool = FakePool()
    connection = pool.get("a")
    pool.discard(connection)
    assert not connection.is_open
    assert pool.get("a") is not connection


def test_unknown_connection_is_neither_kept_nor_closed():
    pool = FakePool()
    stranger = pool.server.connect("a")
    pool.check_in(stranger)
    pool.discard(stranger)
    assert stranger.is_open
    assert pool.metrics().open == pool.metrics().lost == 0


def test_connection_checked_in_twice_is_idle_once():
    pool = FakePool()
    connection = pool.get("a")
    pool.check_in(connection)
    pool.check_in(connection)
    assert (pool.metrics().idle, pool.metrics().open) == (1, 1)


def test_idle_connections_of_one_key_or_all_can_be_closed():
    pool = FakePool(total=4)
    checked_out = pool.get("b")
    connections = {key: pool.use(key) for key in "abc"}
    pool.close_idle("a")
    assert [connections[key].is_open for key in "abc"] == [False, True, True]
    pool.close_idle()
    assert [connections[key].is_open for key in "abc"] == [False, False, False]
    assert checked_out.is_open
    assert pool.metrics().open == 1

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from sys import getswitchinterval, setswitchinterval
from typing import Any

import pytest
from django.db import close_old_connections, connections
from django.utils.connection import ConnectionDoesNotExist

from tenants.current_casino import MAIN, CurrentCasino
from tenants.databases.servers import database_settings
from tenants.errors import NoCurrentCasino
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection, current_alias, forget_alias, register_alias
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User, make_user

pytestmark = pytest.mark.usefixtures("known_aliases")


def _database(name: str) -> dict[str, Any]:
    return database_settings(MAIN, name)


def test_casino_is_registered_when_first_used():
    assert "casino_901" not in connections.settings
    with use_casino(CurrentCasino(id=901, db_name="its_database")):
        assert current_alias() == "casino_901"
        assert casino_connection().settings_dict["NAME"] == "its_database"


def test_each_generation_of_a_casinos_database_has_an_alias_of_its_own():
    with use_casino(CurrentCasino(id=901, db_name="first")):
        first = casino_connection()
    with use_casino(CurrentCasino(id=901, db_name="second", generation=2)):
        second = casino_connection()
    assert (first.alias, first.settings_dict["NAME"]) == ("casino_901", "first")
    assert (second.alias, second.settings_dict["NAME"]) == ("casino_901_g2", "second")


def test_iteration_over_the_databases_is_not_disturbed_by_a_registration():
    walk = iter(connections)
    next(walk)
    register_alias("casino_901", _database("its_database"))
    assert "casino_901" not in [*walk]
    assert "casino_901" in connections.settings


def test_iteration_leaves_out_databases_without_a_connection_of_this_thread():
    for casino_id in range(901, 911):
        register_alias(f"casino_{casino_id}", _database("any"))
    assert not [alias for alias in connections if alias.startswith("casino_9")]


def test_registered_alias_has_the_catalogues_server_and_djangos_defaults():
    catalogue = connections["default"].settings_dict
    with use_casino(CurrentCasino(id=901, db_name="its_database")):
        registered = casino_connection().settings_dict
    assert registered.keys() - catalogue.keys() == {"CASINO", "SERVER"}
    assert {key for key in catalogue if registered[key] != catalogue[key]} == {"NAME", "OPTIONS"}
    assert registered["OPTIONS"] == {**catalogue["OPTIONS"], "application_name": "casino_901"}
    assert "application_name" not in catalogue["OPTIONS"]


def test_registered_alias_never_changes_its_database():
    register_alias("casino_901", _database("first"))
    assert register_alias("casino_901", _database("second")) == "casino_901"
    assert connections["casino_901"].settings_dict["NAME"] == "first"


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    before = getswitchinterval()
    setswitchinterval(1e-6)
    yield
    setswitchinterval(before)


def test_no_registration_is_lost_when_threads_register_at_once(hasty_threads):
    start = threading.Barrier(8, timeout=120)

    def register_some(thread: int) -> None:
        start.wait()
        for n in range(25):
            register_alias(f"casino_9{thread}{n:02}", _database("any"))

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(register_some, range(8)))
    assert all(f"casino_9{thread}{n:02}" in connections.settings for thread in range(8) for n in range(25))


def test_old_connections_are_closed_while_other_threads_register(hasty_threads, db):
    done = threading.Event()

    def register_and_forget(thread: int) -> None:
        for n in range(200):
            forget_alias(register_alias(f"casino_9{thread}{n:03}", _database("any")))

    def close() -> int:
        times = 0
        while not done.is_set():
            close_old_connections()
            times += 1
        return times

    with ThreadPoolExecutor(4) as executor:
        closing = [executor.submit(close) for _ in range(2)]
        try:
            list(executor.map(register_and_forget, range(2)))
        finally:
            done.set()
    assert all(future.result() for future in closing)


def test_unregistered_alias_may_be_registered_again():
    register_alias("casino_901", _database("first"))
    assert connections["casino_901"]
    forget_alias("casino_901")
    with pytest.raises(ConnectionDoesNotExist):
        connections["casino_901"]
    register_alias("casino_901", _database("second"))
    assert connections["casino_901"].settings_dict["NAME"] == "second"


def test_unregistering_an_unknown_alias_does_nothing():
    before = set(connections)
    forget_alias("casino_901")
    assert set(connections) == before


def test_without_a_casino_there_is_no_connection_and_no_transaction():
    for ask in (current_alias, casino_connection, casino_atomic):
        with pytest.raises(NoCurrentCasino):
            ask()


def test_casino_atomic_rolls_back_the_casinos_database_only(casino_a, casino_b):
    def store_everywhere_and_fail() -> None:
        make_user("Rolled back")
        Casino.objects.filter(pk=casino_a.pk).update(recommender_type="stays")
        with use_casino(casino_b.current, switch=True):
            make_user("Stays")
        raise ZeroDivisionError

    with use_casino(casino_a.current):
        with pytest.raises(ZeroDivisionError), casino_atomic():
            store_everywhere_and_fail()
        assert not User.objects.exists()
    casino_a.refresh_from_db()
    assert casino_a.recommender_type == "stays"
    with use_casino(casino_b.current):
        assert User.objects.get().name == "Stays"


def test_casino_atomic_inside_another_is_a_savepoint(casino_a):
    def store_and_fail() -> None:
        make_user("Inner")
        raise ZeroDivisionError

    with use_casino(casino_a.current):
        with casino_atomic():
            make_user("Outer")
            with pytest.raises(ZeroDivisionError), casino_atomic():
                store_and_fail()
        assert User.objects.get().name == "Outer"

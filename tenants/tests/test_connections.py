import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from sys import getswitchinterval, setswitchinterval

import pytest
from django.db import connections
from django.utils.connection import ConnectionDoesNotExist

from tenants.connections import casino_atomic, casino_connection, current_alias, forget, register
from tenants.context import CurrentCasino, use_casino
from tenants.errors import NoCurrentCasino
from tenants.models import Casino

from .rows import User, make_user

pytestmark = pytest.mark.usefixtures("known_aliases")


def test_casino_is_registered_when_first_used():
    assert "casino_901" not in connections.settings
    with use_casino(CurrentCasino(id=901, db_name="its_database")):
        assert current_alias() == "casino_901"
        assert casino_connection().settings_dict["NAME"] == "its_database"


def test_registering_swaps_the_dictionary_that_another_thread_may_be_walking():
    before = connections.settings
    walk = iter(before)
    next(walk)
    register("casino_901", "casino_901")
    assert connections.settings is not before
    assert "casino_901" not in [*walk]
    assert "casino_901" in connections.settings


def test_registered_alias_is_the_catalogues_server_with_all_of_djangos_defaults():
    catalogue = connections["default"].settings_dict
    register("casino_901", "its_database")
    registered = connections["casino_901"].settings_dict
    assert registered.keys() == catalogue.keys()
    assert {key for key in registered if registered[key] != catalogue[key]} == {"NAME", "OPTIONS"}
    assert registered["OPTIONS"] == {**catalogue["OPTIONS"], "application_name": "its_database"}
    assert "application_name" not in catalogue["OPTIONS"]


def test_known_alias_is_never_pointed_elsewhere():
    register("casino_901", "first")
    settings = connections.settings
    assert register("casino_901", "second") == "casino_901"
    assert connections.settings is settings
    assert connections["casino_901"].settings_dict["NAME"] == "first"


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    before = getswitchinterval()
    setswitchinterval(1e-6)
    yield
    setswitchinterval(before)


def test_no_registration_is_lost_when_threads_register_at_once(hasty_threads):
    start = threading.Barrier(8, timeout=5)

    def register_some(thread: int) -> None:
        start.wait()
        for n in range(25):
            register(f"casino_9{thread}{n:02}", "any")

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(register_some, range(8)))
    assert {f"casino_9{thread}{n:02}" for thread in range(8) for n in range(25)} <= set(connections.settings)


def test_forgotten_alias_is_unknown_and_may_be_registered_anew():
    register("casino_901", "first")
    before = connections.settings
    assert connections["casino_901"]
    forget("casino_901")
    assert "casino_901" in before
    with pytest.raises(ConnectionDoesNotExist):
        connections["casino_901"]
    register("casino_901", "second")
    assert connections["casino_901"].settings_dict["NAME"] == "second"


def test_forgetting_an_unknown_alias_does_nothing():
    before = connections.settings
    forget("casino_901")
    assert connections.settings is before


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

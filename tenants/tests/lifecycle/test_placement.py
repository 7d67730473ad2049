from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tenants.errors import NoRoom, ProvisioningFailed
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.placement import choose_server, servers_with_counts
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer, ServerState


@pytest.fixture
def three_servers(db, settings):
    """`main`, `east` and `west`, all with an address; none is connected to."""
    settings.DATABASE_SERVERS = {"east": {"requests": {}}, "west": {"requests": {}}}
    for name in ("east", "west"):
        DatabaseServer.objects.create(name=name)


def _fill(server, count, **changes):
    """Create this number of casinos' databases on the server."""
    for number in range(count):
        casino = Casino.objects.create(name=f"{server} {number} {changes}", **changes)
        CasinoDatabase.objects.create(casino=casino, generation=1, server_id=server, db_name=f"any_{casino.pk}")


def _set(server, **changes):
    DatabaseServer.objects.filter(pk=server).update(**changes)


@pytest.mark.usefixtures("three_servers")
class TestChoice:
    def test_casino_is_placed_on_the_server_with_the_fewest(self):
        _fill("main", 2)
        _fill("east", 1)
        _fill("west", 3)
        assert choose_server().name == "east"

    def test_casino_is_placed_where_the_smallest_share_of_the_capacity_is_used(self):
        _set("main", capacity=4)
        _set("east", capacity=100)
        _set("west", capacity=2)
        _fill("main", 2)
        _fill("east", 10)
        _fill("west", 1)
        assert choose_server().name == "east"

    def test_equal_servers_are_chosen_by_name(self):
        assert [choose_server().name for _ in range(3)] == ["east"] * 3

    def test_closed_server_gets_none(self):
        _set("east", state=ServerState.CLOSED)
        _set("west", state=ServerState.CLOSED)
        assert choose_server().name == "main"
        with pytest.raises(NoRoom, match="east is closed to new casinos"):
            choose_server("east")

    def test_full_server_gets_none(self):
        _set("east", capacity=1)
        _fill("east", 1)
        _fill("west", 2)
        _fill("main", 3)
        assert choose_server().name == "west"
        with pytest.raises(NoRoom, match=r"east is full \(1 of 1\)"):
            choose_server("east")

    def test_server_without_an_address_gets_none(self, settings):
        settings.DATABASE_SERVERS = {"west": {"requests": {}}}
        _fill("main", 1)
        assert choose_server().name == "west"
        with pytest.raises(NoRoom, match=r"east has no address \(DATABASE_SERVER_EAST_URL is not set\)"):
            choose_server("east")

    def test_unknown_server_is_refused_with_advice(self):
        with pytest.raises(NoRoom, match=r"no database server 'north'; see `manage\.py database_server list`"):
            choose_server("north")

    def test_refusal_lists_each_servers_reason(self, settings):
        settings.DATABASE_SERVERS = {"west": {"requests": {}}}
        _set("main", capacity=0)
        _set("west", state=ServerState.CLOSED)
        with pytest.raises(NoRoom) as refusal:
            choose_server()
        assert str(refusal.value) == (
            "No database server has room for another casino: "
            "east has no address (DATABASE_SERVER_EAST_URL is not set); main is full (0 of 0); "
            "west is closed to new casinos."
        )

    def test_named_server_is_chosen_though_another_is_emptier(self):
        _fill("main", 5)
        assert choose_server("main").name == "main"

    def test_casino_counts_once_however_many_generations_it_has_and_not_once_deleted(self):
        _fill("east", 1)
        casino = Casino.objects.get()
        CasinoDatabase.objects.create(casino=casino, generation=2, server_id="east", db_name="any_g2")
        _fill("east", 2, state=CasinoState.DELETED)
        counts = {server.name: getattr(server, "casino_count", None) for server in servers_with_counts()}
        assert counts == {"east": 1, "main": 0, "west": 0}


def _create(name):
    try:
        return create_casino(name)
    except ProvisioningFailed as error:
        return str(error)
    finally:
        connections.close_all()


def test_two_casinos_at_once_do_not_both_take_the_last_place(real_databases):
    _set("main", capacity=1)
    with ThreadPoolExecutor(2) as executor:
        results = list(executor.map(_create, ["Gamma", "Delta"]))
    [made] = [result for result in results if isinstance(result, Casino)]
    [refused] = [result for result in results if isinstance(result, str)]
    assert made.state == CasinoState.ACTIVE
    assert "main is full (1 of 1)" in refused


@pytest.mark.covered
def test_new_casino_is_placed_on_the_server_with_room(second_server):
    _set("main", capacity=0)
    casino = create_casino("Gamma")
    assert casino.server == second_server
    assert [str(database) for database in casino.databases.all()] == [f"test_casino_{casino.pk} on east"]


@pytest.mark.covered
def test_each_server_has_a_template_of_its_own(second_server):
    first, second = create_casino("Gamma", server="main"), create_casino("Delta", server="east")
    assert (first.server_id, second.server_id) == ("main", "east")
    assert first.schema_version == second.schema_version

import pytest
from django.core.management import CommandError

from tenants.lifecycle.create import create_casino
from tenants.models import DatabaseServer, ServerState
from tenants.tests.commands import run


@pytest.fixture
def east(second_server):
    """A server with an address in the environment, not yet in the catalogue."""
    second_server.delete()


def _listed():
    return {server.pop("name"): server for server in run("database_server", "list", "--json").document}


@pytest.mark.covered
def test_list_shows_each_servers_casinos_and_whether_it_is_available(second_server, settings):
    create_casino("Gamma", server="east")
    DatabaseServer.objects.create(name="west", capacity=3)
    listed = _listed()
    assert {name: (each["casinos"], each["capacity"], each["is_reachable"]) for name, each in listed.items()} == {
        "east": (1, None, True),
        "main": (0, None, True),
        "west": (0, 3, False),
    }
    assert listed["main"]["version"] == listed["east"]["version"] is not None
    assert "set DATABASE_SERVER_WEST_URL" in listed["west"]["problem"]
    lines = run("database_server", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "CASINOS", "CAPACITY", "POSTGRESQL", "PROBLEM"]
    assert lines[1].split()[:4] == ["east", "open", "1", "unlimited"]


def _unavailable(settings, name):
    address = {**settings.DATABASE_SERVERS["east"]["requests"], "HOST": "127.0.0.1", "PORT": "1"}
    settings.DATABASE_SERVERS = {**settings.DATABASE_SERVERS, name: {"requests": address}}


def test_unavailable_server_is_listed_as_such(second_server, settings):
    _unavailable(settings, "west")
    DatabaseServer.objects.create(name="west")
    west = _listed()["west"]
    assert (west["is_reachable"], west["version"]) == (False, None)
    assert "refused" in west["problem"]


def test_added_server_is_open_and_takes_casinos_up_to_its_capacity(east):
    added = run("database_server", "add", "east", "--capacity", 1, "--json").document
    assert (added["state"], added["capacity"], added["is_reachable"]) == ("open", 1, True)
    assert create_casino("Gamma", server="east").server_id == "east"
    with pytest.raises(CommandError, match=r"east is full \(1 of 1\)"):
        run("casino", "create", "Delta", "--server", "east")


def test_server_without_an_address_is_not_added(east):
    with pytest.raises(CommandError, match="set DATABASE_SERVER_WEST_URL"):
        run("database_server", "add", "west")
    assert not DatabaseServer.objects.filter(pk="west").exists()


def test_unreachable_server_is_not_added(east, settings):
    _unavailable(settings, "west")
    with pytest.raises(CommandError, match=r"The database server west can't be reached: .*refused"):
        run("database_server", "add", "west")
    assert not DatabaseServer.objects.filter(pk="west").exists()


def test_server_in_the_catalogue_is_not_added_again(second_server):
    with pytest.raises(CommandError, match="east is already in the catalogue"):
        run("database_server", "add", "east", "--capacity", 1)
    second_server.refresh_from_db()
    assert second_server.capacity is None


@pytest.mark.parametrize("name", ["East", "east-2", "", "e" * 33])
def test_invalid_server_name_is_refused(db, name):
    with pytest.raises(CommandError, match=r"small letters and digits|at most 32 characters|cannot be blank"):
        run("database_server", "add", name)


def test_closed_server_takes_no_casino_until_it_is_opened(db):
    assert run("database_server", "close", "main", "--json").document["state"] == "closed"
    assert DatabaseServer.objects.get(pk="main").state == ServerState.CLOSED
    assert run("database_server", "open", "main", "--json").document["state"] == "open"


def test_capacity_changes_only_where_one_is_named(db):
    assert run("database_server", "open", "main", "--capacity", 7, "--json").document["capacity"] == 7
    assert run("database_server", "close", "main", "--json").document["capacity"] == 7
    assert run("database_server", "open", "main", "--capacity", "unlimited", "--json").document["capacity"] is None


@pytest.mark.parametrize("capacity", ["-1", "many", "1.5", str(2**31)])
def test_capacity_that_is_no_number_of_casinos_is_refused(db, capacity):
    with pytest.raises(CommandError, match=r"a number of casinos|expected one argument"):
        run("database_server", "open", "main", "--capacity", capacity)


@pytest.mark.parametrize("verb", ["open", "close"])
def test_server_that_is_not_in_the_catalogue_is_refused_and_the_servers_are_listed(db, verb):
    with pytest.raises(CommandError, match="There is no database server 'east'; the servers are: main"):
        run("database_server", verb, "east")

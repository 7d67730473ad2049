"""The catalogue's database servers: add, open, close, describe."""

import msgspec
from django.db import DatabaseError, OperationalError

from tenants.databases.servers import server_cursor
from tenants.errors import ServerRefused, UnknownServer
from tenants.models import DatabaseServer, ServerState

from .placement import ServerWithCount, servers_with_counts


class ServerDescription(msgspec.Struct, frozen=True, kw_only=True):
    """A server's current state. `capacity` is in casinos, null means no limit; `casinos` counts those with a current or
    unfinished database on it; `version` is PostgreSQL's, null if the server is unavailable; `problem` is the reason."""

    name: str
    state: str
    capacity: int | None
    casinos: int
    is_reachable: bool
    version: str | None
    problem: str


def describe_servers() -> list[ServerDescription]:
    """All servers by name, each queried for its version."""
    return [_describe(server) for server in servers_with_counts()]


def describe_server(name: str) -> ServerDescription:
    """The server's current state. Raises ServerRefused if the catalogue has no such server."""
    found = [server for server in servers_with_counts() if server.name == name]
    if not found:
        raise _not_in_catalogue_error(name)
    return _describe(found[0])


def add_server(name: str, *, capacity: int | None = None) -> None:
    """Add a server for casinos' databases. Raises ServerRefused if it is in the catalogue, has no address or is
    unavailable."""
    if DatabaseServer.objects.filter(pk=name).exists():
        raise ServerRefused(f"The database server {name} is already in the catalogue: choose another name.")
    check_server(name)
    DatabaseServer.objects.create(name=name, capacity=capacity)


def check_server(name: str) -> str:
    """The PostgreSQL version of a server. Raises ServerRefused if it has no address or is unavailable."""
    try:
        return _version_of(name)
    except UnknownServer as error:
        raise ServerRefused(str(error)) from error
    except DatabaseError as error:
        raise ServerRefused(f"The database server {name} can't be reached: {str(error).strip()}") from error


def set_server(name: str, *, state: ServerState, **changes: int | None) -> None:
    """Open a server to new casinos, or close it; `capacity=` sets its capacity. Raises ServerRefused."""
    if not DatabaseServer.objects.filter(pk=name).update(state=state, **changes):
        raise _not_in_catalogue_error(name)


def _describe(server: ServerWithCount) -> ServerDescription:
    version, problem = None, ""
    try:
        version = _version_of(server.name)
    except (OperationalError, UnknownServer) as error:
        problem = str(error).strip()
    return ServerDescription(
        name=server.name,
        state=server.state,
        capacity=server.capacity,
        casinos=server.casino_count,
        is_reachable=version is not None,
        version=version,
        problem=problem,
    )


def _version_of(name: str) -> str:
    with server_cursor(server=name) as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _not_in_catalogue_error(name: str) -> ServerRefused:
    names = ", ".join(DatabaseServer.objects.order_by("name").values_list("name", flat=True))
    return ServerRefused(f"There is no database server {name!r}; the servers are: {names}.")

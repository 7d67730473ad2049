"""Chooses the server for a casino's database."""

from typing import TypeAlias, TypedDict

from django.db.models import Count, F, Q, QuerySet
from django_stubs_ext import WithAnnotations

from tenants.databases.servers import known_servers
from tenants.errors import NoRoom
from tenants.models import CasinoState, DatabaseServer, ServerState


class _CasinoCount(TypedDict):
    casino_count: int


ServerWithCount: TypeAlias = "WithAnnotations[DatabaseServer, _CasinoCount]"


def choose_server(name: str | None = None) -> DatabaseServer:
    """The server for one more casino: the named one, or the least full server with room (by the used share of its
    capacity, then by its number of casinos). Raises NoRoom."""
    servers = [server for server in servers_with_counts() if name in (None, server.name)]
    if not servers:
        raise NoRoom(f"There is no database server {name!r}; see `manage.py database_server list`.")
    with_room = [server for server in servers if _refusal(server) is None]
    if not with_room:
        reasons = "; ".join(f"{server.name} {_refusal(server)}" for server in servers)
        raise NoRoom(f"No database server has room for another casino: {reasons}.")
    return min(with_room, key=_fill)


def servers_with_counts() -> QuerySet[ServerWithCount]:
    """All servers by name, each with its `casino_count`: the casinos with a current or unfinished database on it;
    retired databases don't count."""
    is_retired = Q(databases__generation__lt=F("databases__casino__generation"))
    is_gone = Q(databases__casino__state=CasinoState.DELETED)
    on_it = Count("databases__casino", distinct=True, filter=~is_retired & ~is_gone)
    return DatabaseServer.objects.annotate(casino_count=on_it).order_by("name")


def _refusal(server: ServerWithCount) -> str | None:
    """The reason why the server has no room for another casino, or None."""
    if server.name not in known_servers():
        return f"has no address (DATABASE_SERVER_{server.name.upper()}_URL is not set)"
    if server.state != ServerState.OPEN:
        return "is closed to new casinos"
    if server.capacity is not None and server.casino_count >= server.capacity:
        return f"is full ({server.casino_count} of {server.capacity})"
    return None


def _fill(server: ServerWithCount) -> tuple[float, int, str]:
    fill = server.casino_count / server.capacity if server.capacity else 0.0
    return fill, server.casino_count, server.name

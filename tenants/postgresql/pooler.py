"""Recognises a connection pooler (PgBouncer, Odyssey, ..) that no setting names.

In transaction mode a session's prepared statements, settings, cursors and locks are on another session a moment later.
"""

import logging
from typing import Any

from tenants.current_casino import MAIN
from tenants.process_state import register

logger = logging.getLogger(__name__)

found: set[str] = set()  # names of servers; read at each request, so without a call
register("poolers that no setting names", reset=found.clear)


def detect(connection: Any, server: str) -> None:
    """Look at a new connection in autocommit: a pooler gives its clients process ids of its own making."""
    if server in found:
        return
    [backend_pid] = connection.execute("SELECT pg_backend_pid()").fetchone()
    if backend_pid == connection.info.backend_pid:
        return
    found.add(server)
    prefix = "DATABASE" if server == MAIN else f"DATABASE_SERVER_{server.upper()}"
    logger.warning(
        "%s_URL leads through a connection pooler, so statements are not prepared; set %s_DIRECT_URL to the address of "
        "the server itself, which locks, migrations and dumps need", prefix, prefix,
    )  # fmt: skip

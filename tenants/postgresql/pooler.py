"""Detects a connection pooler (PgBouncer, Odyssey, ..) that the settings do not name.

In transaction mode, a session's prepared statements, settings, cursors and locks may be on another session for the next
transaction.
"""

import logging
from typing import Any

from tenants.current_casino import MAIN
from tenants.process_state import register

logger = logging.getLogger(__name__)

found: set[str] = set()  # names of servers; each request reads the set, so it has no accessor
register("poolers that no setting names", reset=found.clear)


def detect(connection: Any, server: str) -> None:
    """Detect a pooler by a new connection in autocommit: a pooler makes up the process ids that it gives to its
    clients."""
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

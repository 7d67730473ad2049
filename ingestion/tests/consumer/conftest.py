"""Real databases, also on a second server, for tests of consumers."""

from tenants.tests.conftest import (
    committed_catalogue,
    known_aliases,
    real_databases,
    second_postgres,
    second_server,
)

__all__ = ["committed_catalogue", "known_aliases", "real_databases", "second_postgres", "second_server"]

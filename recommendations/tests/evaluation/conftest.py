"""Real databases, for more casinos than two."""

from tenants.tests.conftest import committed_catalogue, known_aliases, real_databases

__all__ = ["committed_catalogue", "known_aliases", "real_databases"]

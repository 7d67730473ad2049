"""Paths and connection arguments of PostgreSQL's programs: pg_dump, pg_restore, psql."""

import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

from tenants.errors import CopyFailed

from . import embedded

_NOT_LIBPQ = ("context", "cursor_factory", "prepare_threshold", "password")


def tool_path(name: str) -> str:
    """The program's path: from POSTGRES_BIN_DIR, the embedded server's, or the one on PATH. Raises CopyFailed."""
    if settings.POSTGRES_BIN_DIR:
        return str(Path(settings.POSTGRES_BIN_DIR) / name)
    if settings.EMBEDDED_POSTGRES_DIR:
        embedded.require_choice()
        return str(embedded.bin_dir(settings.EMBEDDED_POSTGRES_DIR) / name)
    found = shutil.which(name)
    if found is None:
        raise CopyFailed(f"{name} is not installed: install PostgreSQL's client programs, or set POSTGRES_BIN_DIR.")
    return found


def connection_arguments(database: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """A connection string without the password, and an environment with it, from a database's Django settings."""
    wrapper = connections["default"].copy()
    wrapper.settings_dict = database
    params = wrapper.get_connection_params()
    environment = {**os.environ, **({"PGPASSWORD": params["password"]} if params.get("password") else {})}
    return make_conninfo(**{key: value for key, value in params.items() if key not in _NOT_LIBPQ}), environment

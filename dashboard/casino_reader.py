"""Reads a casino's database for a page. Failures become a reason on the page, never an error."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from django.db import OperationalError

from tenants.errors import UnknownServer
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.routing.connections import casino_patience
from tenants.routing.context import use_casino
from tenants.schema.version import is_behind

logger = logging.getLogger(__name__)

STATEMENT_SECONDS = 3.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The error of reading a casino's database. `is_outage`: an operator must act. `is_unreachable`: connecting
    failed."""

    reason: str
    is_outage: bool = False
    is_unreachable: bool = False


def read(casino: Casino, query: Callable[[], T]) -> T | Unavailable:
    """The result of `query`, with `casino` as the current casino and a statement timeout of `STATEMENT_SECONDS`."""
    if casino.state not in READY_STATES:
        return Unavailable(f"This casino has no database to read (state: {casino.state}).")
    if is_behind(casino.schema_version):
        return Unavailable("This casino's database is not migrated. Run `manage.py migrate_casinos`.")
    is_connected = False
    try:
        with use_casino(casino.current, switch=True), casino_patience(STATEMENT_SECONDS):
            is_connected = True
            return query()
    except (OperationalError, UnknownServer) as error:
        logger.warning("Can't read the database of %s for the dashboard: %s", casino, error)
        return Unavailable("This casino's database does not answer.", is_outage=True, is_unreachable=not is_connected)

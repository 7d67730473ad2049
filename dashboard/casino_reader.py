"""Reads a casino's database for a page: what can't be read is a word on the page, never an error."""

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
    """Why a casino's database can't be read now. `is_outage`: somebody should look after it. `is_unreachable`: not even
    a connection was made."""

    reason: str
    is_outage: bool = False
    is_unreachable: bool = False


def read(casino: Casino, ask: Callable[[], T]) -> T | Unavailable:
    """What `ask` answers while the casino is current; no statement of its may take longer than `STATEMENT_SECONDS`."""
    if casino.state not in READY_STATES:
        return Unavailable("It has no database to read now.")
    if is_behind(casino.schema_version):
        return Unavailable("Its database has to be migrated first.")
    is_connected = False
    try:
        with use_casino(casino.current, switch=True), casino_patience(STATEMENT_SECONDS):
            is_connected = True
            return ask()
    except (OperationalError, UnknownServer) as error:
        logger.warning("%s can't be shown: %s", casino, error)
        return Unavailable("Its database does not answer.", is_outage=True, is_unreachable=not is_connected)

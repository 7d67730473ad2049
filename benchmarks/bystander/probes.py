"""The timed operations (probes) of an innocent casino."""

import http.client
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .installation import USERS, Installation

Probe = Callable[[], None]
TIMEOUT_SECONDS = 15.0


class Failed(Exception):
    """The innocent casino's operation failed."""


@contextmanager
def ask_for_recommendations(installation: Installation) -> Iterator[Probe]:
    """`GET /recommend` of a random user, on each thread's own connection."""
    local = threading.local()
    headers = {"Authorization": f"Api-Key {installation.innocent.key}"}

    def ask() -> None:
        if getattr(local, "connection", None) is None:
            local.connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=TIMEOUT_SECONDS)
        try:
            local.connection.request("GET", f"/recommend/{random.randint(1, USERS)}", headers=headers)
            response = local.connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            local.connection.close()
            local.connection = None
            raise Failed(f"{type(error).__name__}: {error}") from error
        if response.status != 200:
            raise Failed(f"status {response.status}")

    yield ask

"""Records the last use of API keys. Recording delays no request, fails none, and seldom writes."""

import logging
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from tenants.models import ApiKey
from tenants.postgresql.wait_budget import request_budget, waiting_within
from tenants.process_state import register

logger = logging.getLogger(__name__)


class KeyUsage:
    """This process's unwritten times of use, and a thread that runs only while it writes them. Thread-safe.

    Each key is written at most once in `API_KEY_USE_SECONDS`; a failed write is not retried before that time is over.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start empty, with a new lock: after a fork, another thread of the parent may have held the old one."""
        self._guard = threading.Lock()
        self._next: dict[int, float] = {}  # key -> time of its next write, monotonic seconds
        self._unwritten: dict[int, datetime] = {}
        self._writer: threading.Thread | None = None

    def record(self, key_id: int) -> None:
        now = time.monotonic()
        if self._next.get(key_id, 0.0) > now or not settings.API_KEY_USE_SECONDS:
            return
        with self._guard:
            self._next[key_id] = now + settings.API_KEY_USE_SECONDS
            self._unwritten[key_id] = timezone.now()
            if self._writer is None:
                writer = threading.Thread(target=self._write, name="key-usage", daemon=True)
                writer.start()  # raises RuntimeError if the system allows no further thread
                self._writer = writer

    def wait(self) -> None:
        """Wait until all recorded times are written."""
        if (writer := self._writer) is not None:
            writer.join()

    def _write(self) -> None:
        try:
            while uses := self._take():
                with waiting_within(request_budget()):
                    for key_id, used_at in uses.items():
                        ApiKey.objects.filter(pk=key_id).update(last_used_at=used_at)
        except DatabaseError as error:
            logger.warning("The last use of API keys could not be stored: %s", error)
            with self._guard:
                self._unwritten, self._writer = {}, None
        finally:
            connections["default"].close()

    def _take(self) -> dict[int, datetime]:
        with self._guard:
            uses, self._unwritten = self._unwritten, {}
            if not uses:
                self._writer = None
            return uses


key_usage = KeyUsage()
register("use of API keys", reset=key_usage.reset)

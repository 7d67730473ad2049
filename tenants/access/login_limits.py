"""The limits of wrong passwords: by address and by login name. Checking a password takes 0.7 s of processor time."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from tenants.errors import LoginsLimited
from tenants.process_state import register

TRIES_OF_ADDRESS, TRIES_OF_NAME = 5, 10  # wrong passwords at once
SECONDS_OF_TRY = 30.0  # until one of them is forgotten
CHECKS_AT_ONCE = 1  # of a process, and one more of logins at addresses where they have been
_REMEMBERED = 10_000  # addresses, names, and pairs of them
_LOG_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """A password that is being checked; `is_valid` is set where it was right."""

    is_valid: bool = False


@dataclass(slots=True)
class _Failures:
    count: float = 0.0
    at: float = 0.0  # monotonic seconds


class LoginLimiter:
    """Wrong passwords of one process. Safe under threads.

    A login name is limited over all addresses, but not for an address from which it has logged in: nobody can lock
    staff out of a place where they have been. Nothing is stored: several processes allow as many tries each.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._guard = threading.Lock()
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._checking = 0
        self._log_again_at = 0.0

    @contextmanager
    def checking(self, name: str, address: str) -> Iterator[Attempt]:
        """Around the check of a password; counts it as wrong unless the attempt is set valid. Raises LoginsLimited."""
        name, attempt = name[:150].casefold(), Attempt()
        counted = self._admit(name, address)
        try:
            yield attempt
        finally:
            with self._guard:
                self._checking -= 1
                if attempt.is_valid:
                    _remember(self._known, (name, address), None)
                    for failures in counted:
                        failures.count -= 1

    def _admit(self, name: str, address: str) -> list[_Failures]:
        limits, at_once = {("address", address): TRIES_OF_ADDRESS}, CHECKS_AT_ONCE
        with self._guard:
            if (name, address) in self._known:
                at_once += 1
            else:
                limits["name", name] = TRIES_OF_NAME
            counted = [self._failures_of(key) for key in limits]
            wait = max(each.count + 1 - limit for each, limit in zip(counted, limits.values(), strict=True))
            if wait > 0 or self._checking >= at_once:
                self._log(name)
                raise LoginsLimited(wait * SECONDS_OF_TRY if wait > 0 else 1.0)
            for each in counted:
                each.count += 1
            self._checking += 1
            return counted

    def _failures_of(self, key: tuple[str, str]) -> _Failures:
        """The failures that are not forgotten yet."""
        now = time.monotonic()
        failures = self._failures.get(key) or _Failures()
        _remember(self._failures, key, failures)
        failures.count = max(failures.count - (now - failures.at) / SECONDS_OF_TRY, 0.0)
        failures.at = now
        return failures

    def _log(self, name: str) -> None:
        if (now := time.monotonic()) >= self._log_again_at:
            self._log_again_at = now + _LOG_AGAIN_SECONDS
            logger.warning("Logins are limited after too many wrong passwords; the latest try was for %r", name[:40])


def _remember(entries: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _REMEMBERED:
        entries.popitem(last=False)


login_limiter = LoginLimiter()
register("wrong passwords", reset=login_limiter.reset, after_fork=login_limiter.reset)


def client_address(meta: Mapping[str, Any]) -> str:
    """The client's address: of the connection, or as the proxy in front (BEHIND_TLS_PROXY) has added it last."""
    forwarded: str = meta.get("HTTP_X_FORWARDED_FOR", "")
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        return forwarded.rpartition(",")[2].strip()
    return str(meta.get("REMOTE_ADDR", ""))

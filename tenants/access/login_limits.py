"""The limits of wrong passwords, by address and by login name. Checking a password takes 0.7 s of processor time."""

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network
from typing import Any

from cachetools import LRUCache
from django.conf import settings

from tenants.errors import LoginsLimited
from tenants.process_state import register

# Wrong passwords that are not forgotten yet; a name at an address where it has logged in has its own TRIES_OF_ADDRESS.
TRIES_OF_ADDRESS, TRIES_OF_NAME = 5, 10
SECONDS_OF_TRY = 30.0  # until one wrong password is forgotten
CONCURRENT_CHECKS = 1  # in a process; logins at addresses where they have logged in may use one more
WAITING, WAIT_SECONDS = 2, 3.0  # threads that may wait for a check, and their time limit
_MAX_ENTRIES = 10_000  # addresses, names, and pairs of them
_LOG_AGAIN_SECONDS = 60.0

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """A password that is being checked; set `is_valid` if it is right."""

    is_valid: bool = False


@dataclass(slots=True)
class _Failures:
    count: float = 0.0
    at: float = 0.0  # monotonic seconds


class LoginLimiter:
    """Counts the wrong passwords of one process. Thread-safe.

    A login name is limited over all addresses. At an address where the name has logged in before, only wrong passwords
    for this name from this address count, so that nobody elsewhere can lock staff out. Nothing is stored: each of
    several processes allows the full number of tries.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._changed = threading.Condition()
        self._failures: LRUCache[tuple[str, str], _Failures] = LRUCache(_MAX_ENTRIES)
        self._known: LRUCache[tuple[str, str], None] = LRUCache(_MAX_ENTRIES)
        self._checking = self._waiting = 0
        self._log_again_at = 0.0

    @contextmanager
    def checking(self, name: str, address: str) -> Iterator[Attempt]:
        """Check a password inside the block; it counts as wrong unless the attempt is set valid. A block that raises
        does not count. Raises LoginsLimited."""
        name, attempt, is_wrong = name[:150].casefold(), Attempt(), False
        counted = self._admit(name, address)
        try:
            yield attempt
            is_wrong = not attempt.is_valid
        finally:
            with self._changed:
                self._checking -= 1
                self._changed.notify_all()
                if attempt.is_valid:
                    self._known[name, address] = None
                if not is_wrong:
                    _uncount(counted)

    def _admit(self, name: str, address: str) -> list[_Failures]:
        with self._changed:
            is_known = (name, address) in self._known
            limits = {("address", address): TRIES_OF_ADDRESS, ("name", name): TRIES_OF_NAME}
            if is_known:
                limits = {("known", f"{name} {address}"): TRIES_OF_ADDRESS}
            counted = [self._failures_of(key) for key in limits]
            wait = max(each.count + 1 - limit for each, limit in zip(counted, limits.values(), strict=True))
            if wait > 0:
                self._log("too many were wrong", name)
                raise LoginsLimited(wait * SECONDS_OF_TRY)
            for each in counted:
                each.count += 1
            if not self._wait_for_turn(CONCURRENT_CHECKS + is_known):
                _uncount(counted)
                self._log("too many are being checked", name)
                raise LoginsLimited(1.0)
            self._checking += 1
            return counted

    def _wait_for_turn(self, limit: int) -> bool:
        if self._checking < limit:
            return True
        if self._waiting >= WAITING:
            return False
        self._waiting += 1
        try:
            return self._changed.wait_for(lambda: self._checking < limit, WAIT_SECONDS)
        finally:
            self._waiting -= 1

    def _failures_of(self, key: tuple[str, str]) -> _Failures:
        """The failures that are not forgotten yet."""
        now = time.monotonic()
        failures = self._failures.get(key) or _Failures()
        self._failures[key] = failures
        failures.count = max(failures.count - (now - failures.at) / SECONDS_OF_TRY, 0.0)
        failures.at = now
        return failures

    def _log(self, reason: str, name: str) -> None:
        if (now := time.monotonic()) >= self._log_again_at:
            self._log_again_at = now + _LOG_AGAIN_SECONDS
            logger.warning("Passwords are rate limited, since %s; the latest was for the login %r", reason, name[:40])


def _uncount(counted: Iterable[_Failures]) -> None:
    for failures in counted:
        failures.count -= 1


login_limiter = LoginLimiter()
register("wrong passwords", reset=login_limiter.reset)


def client_address(meta: Mapping[str, Any]) -> str:
    """The client's address: the connection's, or with BEHIND_TLS_PROXY the last one that the proxy added. For IPv6 the
    network of 64 bits, since a client has all of its addresses."""
    address = str(meta.get("REMOTE_ADDR", ""))
    forwarded: str = meta.get("HTTP_X_FORWARDED_FOR", "")
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        address = forwarded.rpartition(",")[2].strip()
    try:
        return str(IPv6Network((IPv6Address(address), 64), strict=False))
    except ValueError:
        return address

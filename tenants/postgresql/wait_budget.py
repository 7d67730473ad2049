"""Limits the time that a thread waits for its databases. The client enforces the limit, also when a server does not
answer.

The kernel of a server that hangs still acknowledges packets, so that no time-out of TCP ends a wait. A request and a
consumer have a budget; without one, as in commands, statements may take any time.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cache
from math import inf
from typing import NamedTuple

from django.conf import settings

PING_SECONDS = 2.0
CONSUMER_PING_SECONDS = 1.0  # to park messages in vain does little harm
STOPPING_SECONDS = 5.0
SHORT_SECONDS = 5.0
_LATER_SECONDS = 5.0  # after the server should have ended a consumer's statement


class ServerTimeouts(NamedTuple):
    """PostgreSQL's `statement_timeout` and `lock_timeout`, in milliseconds. They end a statement before the client
    gives up, so that the server does not continue it; and their errors have more details."""

    statement: float
    lock: float


@dataclass(slots=True)
class WaitBudget:
    """Seconds to wait for databases: `left` for all statements together, `each` for one of them. A server on which one
    is stalled is silent if it does not answer a new connection within `ping_seconds`.

    Once `stop` is set, stalled statements together have `STOPPING_SECONDS`.
    """

    server_timeouts: ServerTimeouts
    left: float = inf
    each: float = inf
    ping_seconds: float = PING_SECONDS
    stop: threading.Event | None = None

    def seconds(self, waited: float) -> float:
        """For a stalled statement, which has waited for these seconds; they are not spent yet."""
        if self.stop is not None and self.stop.is_set():
            self.stop, self.left = None, min(self.left, waited + STOPPING_SECONDS)
        return min(self.left, self.each) - waited


_current: ContextVar[WaitBudget | None] = ContextVar("wait_budget", default=None)
find_budget, set_budget, reset_budget = _current.get, _current.set, _current.reset


@contextmanager
def waiting_within(budget: WaitBudget | None) -> Iterator[None]:
    """Use this budget inside the block; None: there is no limit."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


def request_budget(seconds: float | None = None) -> WaitBudget:
    """For a request: `REQUEST_DATABASE_SECONDS`, or fewer."""
    most: float = settings.REQUEST_DATABASE_SECONDS
    return WaitBudget(_timeouts_of_requests(most), most if seconds is None else seconds)


@cache
def _timeouts_of_requests(seconds: float) -> ServerTimeouts:
    return ServerTimeouts(seconds * 900, seconds * 800)


def consumer_budget(stop: threading.Event) -> WaitBudget:
    """For a consumer, each of whose statements may take as long as the server allows, and some seconds more."""
    statement: float = settings.INGESTION_STATEMENT_SECONDS
    timeouts = ServerTimeouts(statement * 1_000, settings.INGESTION_LOCK_SECONDS * 1_000)
    return WaitBudget(timeouts, each=statement + _LATER_SECONDS, ping_seconds=CONSUMER_PING_SECONDS, stop=stop)


@contextmanager
def waiting_shortly() -> Iterator[None]:
    """For a check or a rollback of a connection: a few seconds, within the current budget, if there is one."""
    outer = _current.get()
    if outer is None:
        inner = WaitBudget(ServerTimeouts(0, 0), SHORT_SECONDS)
    else:
        inner = replace(outer, left=min(outer.left, SHORT_SECONDS))
    with waiting_within(inner):
        yield


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[WaitBudget]:
    """Within the current budget, these seconds for all statements of the block together; without one, as in commands,
    there is no limit."""
    outer = _current.get()
    if outer is None:
        yield WaitBudget(ServerTimeouts(0, 0))
        return
    inner = replace(outer, left=min(outer.left, seconds))
    given, stop = inner.left, outer.stop
    try:
        with waiting_within(inner):
            yield inner
    finally:
        if inner.stop is not stop:  # told to end meanwhile: the least that is left of such blocks is all that is left
            outer.stop, outer.left = None, min(outer.left, inner.left)
        elif outer.stop is stop:
            outer.left -= given - inner.left

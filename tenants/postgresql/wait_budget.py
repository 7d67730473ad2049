"""Limits the time that a thread waits for its databases. The client enforces the limit, also when a server does not
answer: Django's driver is psycopg, with connections that wait no longer than the current budget allows.

The kernel of a server that hangs still acknowledges packets, so that no time-out of TCP ends a wait. A request and a
consumer have a budget; without one, as in commands, statements may take any time.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache, partial
from math import ceil, inf
from time import monotonic
from types import ModuleType
from typing import Any, NamedTuple

import psycopg
from django.conf import settings
from psycopg import waiting
from psycopg._preparing import Key, Prepare, PrepareManager
from psycopg._queries import PostgresQuery
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from tenants.errors import ServerSilent, TooManyStalled

from .stalls import STALL_SECONDS, stalls

PING_SECONDS = 2.0
CONSUMER_PING_SECONDS = 1.0  # to park messages in vain does little harm
STOPPING_SECONDS = 5.0
SHORT_SECONDS = 5.0
_LATER_SECONDS = 5.0  # after the server should have ended a consumer's statement
_INTERVAL_SECONDS = 0.1  # psycopg's own; it looks for signals so often
_NOT_LIBPQ = ("context", "cursor_factory", "prepare_threshold")


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


class GaveUp(psycopg.OperationalError):
    """The client does not wait for the server, or no longer, and has closed the connection."""


@dataclass(frozen=True, slots=True)
class Place:
    """A connection's database and server, and how to connect to the server again."""

    alias: str
    server: str
    params: Mapping[str, Any] = field(repr=False)

    def answers(self, seconds: float = PING_SECONDS) -> bool:
        """Whether the server answers a new connection, and a statement on it, each in this time. An error is an
        answer."""
        conninfo = make_conninfo(**{name: value for name, value in self.params.items() if name not in _NOT_LIBPQ})
        ping = None
        try:
            # not `connect`, which waits for two seconds at least
            ping = waiting.wait_conn(psycopg.Connection._connect_gen(conninfo), _INTERVAL_SECONDS, seconds)
            ping.wait(ping.cursor()._execute_gen("SELECT 1"), timeout=seconds)
        except psycopg.errors._WaitTimeout:
            return False
        except psycopg.Error:
            return True
        finally:
            if ping is not None:
                ping.close()
        return True


class PreparedStatements(PrepareManager):
    """A connection's prepared statements. psycopg also keeps the last hundred others, to count them: with the values
    that Django's cursors write into their texts, these are many megabytes."""

    def maybe_add_to_cache(self, query: PostgresQuery, prep: Prepare, name: bytes) -> Key | None:
        key = super().maybe_add_to_cache(query, prep, name)
        self._counts.clear()
        return key


class BudgetConnection(psycopg.Connection[Any]):
    """Waits for the server within the current budget; after that, its socket is closed."""

    place: Place  # set once it is open
    server_timeouts: ServerTimeouts | None = None
    kept_cursor: psycopg.Cursor[Any] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._prepared = PreparedStatements()

    @classmethod
    def connect(cls, conninfo: str = "", **params: Any) -> "BudgetConnection":
        budget = find_budget()
        if budget is None:
            return super().connect(conninfo, **params)
        if budget.left <= 0:
            raise GaveUp("no time is left to connect")
        if budget.left < (int(params.get("connect_timeout") or 0) or inf):
            params["connect_timeout"] = ceil(budget.left)
        with _spending(budget):
            return super().connect(conninfo, **params)

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """All statements, commits and rollbacks pass here. Raises GaveUp."""
        budget = find_budget()
        if budget is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        if stalls.is_any or budget.left <= 0:
            self._require_answer_in_time(budget)
        began = monotonic()
        try:
            return super().wait(gen, interval, min(budget.left, STALL_SECONDS))
        except psycopg.errors._WaitTimeout:
            return self._wait_stalled(gen, interval, budget, began)
        finally:
            budget.left -= monotonic() - began

    def _require_answer_in_time(self, budget: WaitBudget) -> None:
        try:
            stalls.require_answering(self.place.server)
            if self.pgconn.transaction_status == TransactionStatus.IDLE:  # others may wait for an open transaction
                stalls.require_few(self.place.alias)
        except (ServerSilent, TooManyStalled) as refusal:
            raise self._give_up(str(refusal)) from refusal
        if budget.left <= 0:
            raise self._give_up("the time to wait for databases is over")

    def _wait_stalled(self, gen: PQGen[RV], interval: float, budget: WaitBudget, began: float) -> RV:
        """Wait on, as long as the budget, the server and other stalled statements allow."""
        place = self.place
        try:
            stalls.begin(place.alias)
        except TooManyStalled as refusal:
            raise self._give_up(str(refusal)) from refusal
        try:
            while (left := budget.seconds(monotonic() - began)) > 0:
                if stalls.is_silent(place.server, partial(place.answers, budget.ping_seconds)):
                    raise self._give_up("its server does not answer a new connection either")
                try:
                    return super().wait(gen, interval, min(left, STALL_SECONDS))
                except psycopg.errors._WaitTimeout:
                    pass
            raise self._give_up(f"no answer for {monotonic() - began:.1f} s")
        finally:
            stalls.end(place.alias)

    def _give_up(self, reason: str) -> GaveUp:
        """Close the socket: the connection is lost, and neither a rollback nor its end waits for the server."""
        self.pgconn.finish()
        return GaveUp(f"{reason}; the connection is closed")


@contextmanager
def _spending(budget: WaitBudget) -> Iterator[None]:
    began = monotonic()
    try:
        yield
    finally:
        budget.left -= monotonic() - began


# Django asks the module `Database` of its backend to connect, and for the errors' classes.
driver: Any = ModuleType("psycopg within budgets")
vars(driver).update({name: value for name, value in vars(psycopg).items() if not name.startswith("__")})
driver.connect = BudgetConnection.connect

"""Limits the time that a thread waits for its databases. The client enforces the limit, also for a server that does not
answer: Django's driver is psycopg with connections that wait no longer than the current budget allows.

The kernel of a hanging server still acknowledges packets, so that TCP's time-outs never end a wait. A request and a
consumer have a budget; a command has none, and its statements may take any time.
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
CONSUMER_PING_SECONDS = 1.0  # short: parking messages needlessly does little harm
STOPPING_SECONDS = 5.0
SHORT_SECONDS = 5.0
_LATER_SECONDS = 5.0  # from the server's time-out of a consumer's statement to the client's
_INTERVAL_SECONDS = 0.1  # psycopg's default, at which it checks for signals
_NOT_LIBPQ = ("context", "cursor_factory", "prepare_threshold")


class ServerTimeouts(NamedTuple):
    """PostgreSQL's `statement_timeout` and `lock_timeout`, in milliseconds. They end a statement before the client
    gives up: the server then does not continue it, and the errors have more details."""

    statement: float
    lock: float


@dataclass(slots=True)
class WaitBudget:
    """Seconds to wait for databases: `left` for all statements together, `each` for one statement. The server of a
    stalled statement is silent if it does not answer a new connection within `ping_seconds`.

    Once `stop` is set, stalled statements together have `STOPPING_SECONDS`.
    """

    server_timeouts: ServerTimeouts
    left: float = inf
    each: float = inf
    ping_seconds: float = PING_SECONDS
    stop: threading.Event | None = None

    def seconds(self, waited: float) -> float:
        """The seconds left for a stalled statement that has waited for `waited` seconds, which are not deducted yet."""
        if self.stop is not None and self.stop.is_set():
            self.stop, self.left = None, min(self.left, waited + STOPPING_SECONDS)
        return min(self.left, self.each) - waited


_current: ContextVar[WaitBudget | None] = ContextVar("wait_budget", default=None)
find_budget, set_budget, reset_budget = _current.get, _current.set, _current.reset


@contextmanager
def waiting_within(budget: WaitBudget | None) -> Iterator[None]:
    """Use this budget inside the block; None means no limit."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


def request_budget(seconds: float | None = None) -> WaitBudget:
    """The budget of a request: `REQUEST_DATABASE_SECONDS`, or `seconds`."""
    most: float = settings.REQUEST_DATABASE_SECONDS
    return WaitBudget(_timeouts_of_requests(most), most if seconds is None else seconds)


@cache
def _timeouts_of_requests(seconds: float) -> ServerTimeouts:
    return ServerTimeouts(seconds * 900, seconds * 800)


def consumer_budget(stop: threading.Event) -> WaitBudget:
    """The budget of a consumer. Each statement may take a few seconds longer than the server's time-out."""
    statement: float = settings.INGESTION_STATEMENT_SECONDS
    timeouts = ServerTimeouts(statement * 1_000, settings.INGESTION_LOCK_SECONDS * 1_000)
    return WaitBudget(timeouts, each=statement + _LATER_SECONDS, ping_seconds=CONSUMER_PING_SECONDS, stop=stop)


@contextmanager
def waiting_shortly() -> Iterator[None]:
    """Limit the block, which checks or rolls back a connection, to `SHORT_SECONDS`, within the current budget if there
    is one."""
    outer = _current.get()
    if outer is None:
        inner = WaitBudget(ServerTimeouts(0, 0), SHORT_SECONDS)
    else:
        inner = replace(outer, left=min(outer.left, SHORT_SECONDS))
    with waiting_within(inner):
        yield


@contextmanager
def waiting_at_most(seconds: float) -> Iterator[WaitBudget]:
    """Limit all statements of the block to `seconds` together, within the current budget. Commands have no budget and
    no limit."""
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
        if inner.stop is not stop:  # `stop` was set in the block: the least time left of all such blocks applies
            outer.stop, outer.left = None, min(outer.left, inner.left)
        elif outer.stop is stop:
            outer.left -= given - inner.left


class WaitTimedOut(psycopg.OperationalError):
    """The client does not wait for the server, or has stopped waiting, and has closed the connection."""


@dataclass(frozen=True, slots=True)
class Place:
    """A connection's database and server, and the parameters to connect to the server again."""

    alias: str
    server: str
    params: Mapping[str, Any] = field(repr=False)

    def answers(self, seconds: float = PING_SECONDS) -> bool:
        """Whether the server answers a new connection and then a statement, each within `seconds`. An error is an
        answer."""
        conninfo = make_conninfo(**{name: value for name, value in self.params.items() if name not in _NOT_LIBPQ})
        ping = None
        try:
            # not `connect`, which waits for at least two seconds
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
    """A connection's prepared statements only. psycopg would also keep the last hundred other statements, to count
    them: with the values that Django's cursors write into their texts, these take many megabytes."""

    def maybe_add_to_cache(self, query: PostgresQuery, prep: Prepare, name: bytes) -> Key | None:
        key = super().maybe_add_to_cache(query, prep, name)
        self._counts.clear()
        return key


class BudgetConnection(psycopg.Connection[Any]):
    """A connection that waits for the server within the current budget, and then closes its socket."""

    place: Place  # set once the connection is open
    server_timeouts: ServerTimeouts | None = None
    cached_cursor: psycopg.Cursor[Any] | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._prepared = PreparedStatements()

    @classmethod
    def connect(cls, conninfo: str = "", **params: Any) -> "BudgetConnection":
        budget = find_budget()
        if budget is None:
            return super().connect(conninfo, **params)
        if budget.left <= 0:
            raise WaitTimedOut("the budget for database waits is spent: no time to connect")
        if budget.left < (int(params.get("connect_timeout") or 0) or inf):
            params["connect_timeout"] = ceil(budget.left)
        with _spending(budget):
            return super().connect(conninfo, **params)

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for a statement, commit or rollback. Raises WaitTimedOut."""
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
            if self.pgconn.transaction_status == TransactionStatus.IDLE:  # others may wait for a transaction
                stalls.require_few_stalled(self.place.alias)
        except (ServerSilent, TooManyStalled) as refusal:
            raise self._give_up(str(refusal)) from refusal
        if budget.left <= 0:
            raise self._give_up("the budget for database waits is spent")

    def _wait_stalled(self, gen: PQGen[RV], interval: float, budget: WaitBudget, began: float) -> RV:
        """Wait on, within the budget, unless the server is silent or too many statements are stalled."""
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
                    return super().wait(_resumed(gen), interval, min(left, STALL_SECONDS))
                except psycopg.errors._WaitTimeout:
                    pass
            raise self._give_up(f"no answer for {monotonic() - began:.1f} s")
        finally:
            stalls.end(place.alias)

    def _give_up(self, reason: str) -> WaitTimedOut:
        """Close the socket: the connection is lost, and its rollback and end do not wait for the server."""
        self.pgconn.finish()
        return WaitTimedOut(f"{reason}; the connection is closed")


def _resumed(gen: PQGen[RV]) -> PQGen[RV]:
    """The rest of a generator whose `wait` timed out. `wait` begins with None, but a generator that is sending a
    statement accepts only numbers: `Ready.NONE` makes it wait again. Not `yield from`, which would close `gen` at the
    next time-out."""
    ready: int = waiting.Ready.NONE
    try:
        while True:
            ready = yield gen.send(ready)
    except StopIteration as end:
        result: RV = end.value
        return result


@contextmanager
def _spending(budget: WaitBudget) -> Iterator[None]:
    began = monotonic()
    try:
        yield
    finally:
        budget.left -= monotonic() - began


# Django's backend connects through its attribute `Database`, a module that also has the error classes.
driver: Any = ModuleType("psycopg within budgets")
vars(driver).update({name: value for name, value in vars(psycopg).items() if not name.startswith("__")})
driver.connect = BudgetConnection.connect

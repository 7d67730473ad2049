"""The driver that Django uses: psycopg, with connections that wait no longer than the current budget allows."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import ceil, inf
from time import monotonic
from types import ModuleType
from typing import Any

import psycopg
from psycopg import waiting
from psycopg.abc import RV, PQGen
from psycopg.conninfo import make_conninfo
from psycopg.pq import TransactionStatus

from tenants.errors import ServerSilent, TooManyStalled

from .stalls import STALL_SECONDS, stalls
from .wait_budget import PING_SECONDS, ServerTimeouts, WaitBudget, find_budget

_INTERVAL_SECONDS = 0.1  # psycopg's own; it looks for signals so often
_NOT_LIBPQ = ("context", "cursor_factory", "prepare_threshold")


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


class BudgetConnection(psycopg.Connection[Any]):
    """Waits for the server within the current budget; after that, its socket is closed."""

    place: Place  # set once it is open
    server_timeouts: ServerTimeouts | None = None
    kept_cursor: psycopg.Cursor[Any] | None = None

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

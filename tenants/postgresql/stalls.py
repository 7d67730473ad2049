"""Keeps servers and casinos that hang from taking all threads of a process.

A statement without an answer for `STALL_SECONDS` is *stalled*. Its database is in *doubt* until no statement has been
stalled for `DOUBT_SECONDS`. Databases in doubt get few threads: `API_REQUESTS_STALLED` each, and half of the
`WEB_THREADS` together. A server that does not even answer a new connection is *silent*: its databases get no threads
until it answers. A background thread pings it until then.

Nothing here is called while all statements are answered quickly.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

from django.conf import settings

from tenants.current_casino import CATALOGUE
from tenants.errors import ServerSilent, TooManyStalled
from tenants.process_state import register

logger = logging.getLogger(__name__)

STALL_SECONDS = 1.0
DOUBT_SECONDS = 2.0
ASK_SILENT_SECONDS = 1.0  # between two pings of a silent server
_ASK_AGAIN_SECONDS = 2.0  # between two pings while a statement is stalled on a server that answers pings

AsksServer = Callable[[], bool]  # whether the server answers a new connection


class Stalls:
    """Stalled statements and silent servers of this process. Thread-safe.

    `is_any`: whether a database is in doubt or a server silent.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._guard = threading.Lock()
        self.is_any = False
        self._stalled: Counter[str] = Counter()  # by alias
        self._doubted: dict[str, float] = {}  # alias -> end of the doubt, monotonic seconds
        self._silent: dict[str, float] = {}  # server -> start of its silence, monotonic seconds
        self._asked_at: dict[str, float] = {}  # server -> time of its last ping; infinite during a ping

    def begin(self, alias: str) -> None:
        """Count a stalled statement. Raises TooManyStalled if its thread must not wait for it."""
        with self._guard:
            self._require_capacity(alias, self._stalled)
            self._stalled[alias] += 1
            self._doubted[alias] = float("inf")
            self.is_any = True

    def end(self, alias: str) -> None:
        with self._guard:
            self._stalled[alias] -= 1
            if not self._stalled[alias]:
                del self._stalled[alias]
                self._doubted[alias] = time.monotonic() + DOUBT_SECONDS

    def require_capacity(self, alias: str, busy: Mapping[str, int]) -> None:
        """Raises TooManyStalled if a database in doubt has the highest allowed number of these `busy` connections."""
        with self._guard:
            now = time.monotonic()
            self._doubted = {alias: end for alias, end in self._doubted.items() if end > now}
            self.is_any = bool(self._doubted or self._silent)
            if alias in self._doubted:
                self._require_capacity(alias, busy)

    def require_few_stalled(self, alias: str) -> None:
        """Raises TooManyStalled if the highest allowed number of statements already waits for the database. One more
        would be given up after a second, but continue in its server session, while the thread's next request opens
        another session."""
        with self._guard:
            self._require_few_stalled(alias, self._stalled)

    def require_answering(self, server: str) -> None:
        """Raises ServerSilent if the server is silent."""
        since = self._silent.get(server)
        if since is not None:
            seconds = time.monotonic() - since
            raise ServerSilent(f"the database server {server} has not answered for {seconds:.0f} s")

    def is_silent(self, server: str, answers: AsksServer) -> bool:
        """Whether the server of a stalled statement is silent. One thread at a time pings it."""
        with self._guard:
            now = time.monotonic()
            if server in self._silent:
                return True
            if now < self._asked_at.get(server, 0.0) + _ASK_AGAIN_SECONDS:
                return False
            self._asked_at[server] = float("inf")
        does_answer = True
        try:
            does_answer = answers()
        finally:
            with self._guard:
                self._asked_at[server] = time.monotonic()
        if not does_answer:
            self.record_silence(server, answers)
        return not does_answer

    def record_silence(self, server: str, answers: AsksServer) -> None:
        """Record that the server did not answer a new connection: its databases are refused until it does."""
        name = f"ask-{server}"
        asking = threading.Thread(target=self._ask_until_it_answers, args=[server, answers], name=name, daemon=True)
        with self._guard:
            if server in self._silent:
                return
            try:
                asking.start()
            except RuntimeError:  # without the thread, nothing would end the silence: the next request pings again
                logger.exception(
                    "The database server %s does not answer, and the thread that pings it can't be started", server
                )
                return
            self._silent[server] = time.monotonic()
            self.is_any = True
        logger.error(
            "The database server %s does not answer, not even a new connection: requests of its casinos get 503, and "
            "their messages are parked, until it does",
            server,
        )

    def silent_servers(self) -> list[str]:
        return sorted(self._silent)

    def _ask_until_it_answers(self, server: str, answers: AsksServer) -> None:
        silent = self._silent  # another one after a reset
        while not answers():
            time.sleep(ASK_SILENT_SECONDS)
            if self._silent is not silent:
                return
        with self._guard:
            since = silent.pop(server)
        logger.warning("The database server %s answers again, after %.0f s", server, time.monotonic() - since)

    def _require_capacity(self, alias: str, busy: Mapping[str, int]) -> None:
        self._require_few_stalled(alias, busy)
        most = most_stalled()
        if sum(busy.get(doubted, 0) for doubted in self._doubted) >= most:
            raise TooManyStalled(f"{alias} is slow: {most} statements wait for it and other slow databases already.")

    @staticmethod
    def _require_few_stalled(alias: str, busy: Mapping[str, int]) -> None:
        each: int = most_stalled() if alias == CATALOGUE else settings.API_REQUESTS_STALLED
        if busy.get(alias, 0) >= each:
            raise TooManyStalled(f"{alias} is slow: {each} statements wait for it already.")


def most_stalled() -> int:
    """The number of threads that may wait for databases in doubt."""
    return max(settings.WEB_THREADS // 2, 1)


stalls = Stalls()
register("stalled statements and silent servers", reset=stalls.reset)

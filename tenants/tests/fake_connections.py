"""Connections that lead to no database, for tests of the cache by itself."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from tenants.postgresql.limits import Limits
from tenants.postgresql.pool import ConnectionCache


class Line:
    """A connection to nothing, which counts with its server."""

    def __init__(self, server: "Server", key: str) -> None:
        self.server, self.key, self.is_open, self.is_dead = server, key, True, False

    def close(self) -> None:
        self.server.hang_up(self)


class Server:
    """Knows how many lines are open, and how many ever were at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open: Counter[str] = Counter()
        self.most, self.most_of_one = 0, 0

    def call(self, key: str) -> Line:
        with self._lock:
            self.open[key] += 1
            self.most = max(self.most, self.open.total())
            self.most_of_one = max(self.most_of_one, self.open[key])
        return Line(self, key)

    def hang_up(self, line: Line) -> None:
        with self._lock:
            assert line.is_open, "closed twice"
            line.is_open = False
            self.open[line.key] -= 1


class Desk:
    """A cache and its server."""

    def __init__(self, total: int = 3, each: int = 2, idle: float = 60, wait: float = 0) -> None:
        self.limits, self.server = Limits(total, each, idle, wait), Server()
        self.cache = ConnectionCache(lambda: self.limits, lambda line, _: not line.is_dead)  # type: ignore[attr-defined]

    def lend(self, key: str) -> Line:
        line = self.cache.lend(key, lambda: self.server.call(key))
        assert isinstance(line, Line)
        return line

    def lend_and_give_back(self, key: str) -> Line:
        line = self.lend(key)
        self.cache.give_back(line)
        return line

    def lend_once_another_waits(self, key: str, then: Callable[[], None]) -> Line:
        """What a thread gets that found none free, after `then` was done."""
        before = self.cache.metrics().waited
        with ThreadPoolExecutor(1) as executor:
            future: Future[Line] = executor.submit(self.lend, key)
            while self.cache.metrics().waited == before and not future.done():
                time.sleep(0.001)
            then()
            return future.result(timeout=5)


def refuse() -> Line:
    raise ConnectionRefusedError

"""A connection pool whose connections lead to no database."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from tenants.postgresql.pool import ConnectionPool, PoolConnection, PoolLimits


class FakeConnection:
    """A connection without a database; its server counts it."""

    def __init__(self, server: "FakeServer", key: str) -> None:
        self.server, self.key, self.is_open, self.is_dead = server, key, True, False

    def close(self) -> None:
        self.server.disconnect(self)


class FakeServer:
    """Counts the open connections, and their maximum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.open: Counter[str] = Counter()
        self.most, self.most_of_one = 0, 0

    def connect(self, key: str) -> FakeConnection:
        with self._lock:
            self.open[key] += 1
            self.most = max(self.most, self.open.total())
            self.most_of_one = max(self.most_of_one, self.open[key])
        return FakeConnection(self, key)

    def disconnect(self, connection: FakeConnection) -> None:
        with self._lock:
            assert connection.is_open, "closed twice"
            connection.is_open = False
            self.open[connection.key] -= 1


class FakePool(ConnectionPool):
    """The real pool, with connections to `server`."""

    def __init__(self, total: int = 3, each: int = 2, idle: float = 60, wait: float = 0) -> None:
        limits = PoolLimits(total, each, idle, wait)
        super().__init__(lambda: limits, _is_alive)
        self.server = FakeServer()

    def get(self, key: str) -> FakeConnection:
        """Check out a connection to the server."""
        connection = self.check_out(key, lambda: self.server.connect(key))
        assert isinstance(connection, FakeConnection)
        return connection

    def use(self, key: str) -> FakeConnection:
        """Check a connection out and in."""
        connection = self.get(key)
        self.check_in(connection)
        return connection

    def get_after_waiting(self, key: str, then: Callable[[], None]) -> FakeConnection:
        """The connection of a thread that finds none free until `then` is called."""
        before = self.metrics().waited
        with ThreadPoolExecutor(1) as executor:
            future: Future[FakeConnection] = executor.submit(self.get, key)
            while self.metrics().waited == before and not future.done():
                time.sleep(0.001)
            then()
            return future.result(timeout=120)


def refuse() -> FakeConnection:
    raise ConnectionRefusedError


def _is_alive(connection: PoolConnection, idle_seconds: float) -> bool:
    assert isinstance(connection, FakeConnection)
    return not connection.is_dead

"""Kills, restarts and cuts, by a plan that depends on the seed only."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

from tenants.databases.servers import quoted, server_cursor
from tenants.models import Casino
from tenants.tests.frozen_server import frozen

from .consumers import Consumers
from .progress_watcher import Watcher
from .servers import VICTIMS_SERVER, Servers

_CUT = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3
) AS sessions
"""
_POLL_SECONDS = 0.1
_LONGEST_OUTAGE_SECONDS = 2.0

Outage = Callable[[], None]


class Outages:
    def __init__(
        self, servers: Servers, consumers: Consumers, watcher: Watcher, victim: Casino, rng: random.Random
    ) -> None:
        self._servers, self._consumers, self._watcher = servers, consumers, watcher
        assert victim.db_name is not None
        self._victim = victim.db_name
        self._rng = rng
        self._frozen = ExitStack()
        self.log: list[str] = []

    def run(self, seconds: float, *, kills: int, restarts: int, cuts: int) -> None:
        """Run the plan. The victim's database is unavailable for a quarter of `seconds`; later its server hangs for as
        long."""
        plan: list[tuple[float, Outage]] = [
            (self._rng.uniform(0, seconds), outage)
            for outage, count in ((self._kill, kills), (self._restart, restarts), (self._cut, cuts))
            for _ in range(count)
        ]
        renamed_at = self._rng.uniform(0.2, 0.5) * seconds
        plan += [(renamed_at, self._rename), (renamed_at + seconds / 4, self._rename_back)]
        plan += [(seconds * 0.76, self._freeze), (seconds * 0.99, self._thaw), (seconds, lambda: None)]
        with self._frozen:
            self._follow(sorted(plan, key=lambda step: step[0]))

    def _follow(self, plan: list[tuple[float, Outage]]) -> None:
        began = time.monotonic()
        for at, outage in plan:
            while time.monotonic() - began < at:
                self._consumers.restart_ended()
                time.sleep(_POLL_SECONDS)
            self.log.append(f"{time.monotonic() - began:6.1f} s {outage.__name__.strip('_')}")
            outage()

    def _kill(self) -> None:
        self._consumers.kill_one(self._rng)

    def _restart(self) -> None:
        with self._watcher.paused():
            self._servers.stop_postgres(self._rng.choice(("fast", "immediate")))
            time.sleep(self._rng.uniform(0, _LONGEST_OUTAGE_SECONDS))
            self._servers.start_postgres()

    def _cut(self) -> None:
        with server_cursor("postgres") as cursor:
            cursor.execute(_CUT)

    def _freeze(self) -> None:
        """The victim's server says nothing, until `_thaw`."""
        self._frozen.enter_context(frozen(self._servers.second_postgres))

    def _thaw(self) -> None:
        self._frozen.close()

    def _rename(self) -> None:
        name = quoted(self._victim)
        with server_cursor("postgres", server=VICTIMS_SERVER) as cursor:
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [self._victim]
            )
            cursor.execute(f"ALTER DATABASE {name} RENAME TO {quoted(self._victim + '_renamed')}")

    def _rename_back(self) -> None:
        name = quoted(self._victim)
        with server_cursor("postgres", server=VICTIMS_SERVER) as cursor:
            cursor.execute(f"ALTER DATABASE {quoted(self._victim + '_renamed')} RENAME TO {name}")
            cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

"""Breaks things, by a plan that the seed determines."""

import random
import time
from collections.abc import Callable

from tenants.databases.servers import quoted, server_cursor
from tenants.models import Casino

from .consumers import Consumers
from .progress_watcher import Watcher
from .servers import World

_CUT = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3
) AS victims
"""
_LOOK_SECONDS = 0.1
_LONGEST_OUTAGE_SECONDS = 2.0

Deed = Callable[[], None]


class Saboteur:
    def __init__(
        self, world: World, consumers: Consumers, watcher: Watcher, victim: Casino, rng: random.Random
    ) -> None:
        self._world, self._consumers, self._watcher = world, consumers, watcher
        assert victim.db_name is not None
        self._victim = victim.db_name
        self._rng = rng
        self.log: list[str] = []

    def run(self, seconds: float, *, kills: int, restarts: int, cuts: int) -> None:
        """For so long. The victim's database is away for a quarter of the time."""
        plan: list[tuple[float, Deed]] = [
            (self._rng.uniform(0, seconds), deed)
            for deed, count in ((self._kill, kills), (self._restart, restarts), (self._cut, cuts))
            for _ in range(count)
        ]
        leaves_at = self._rng.uniform(0.2, 0.5) * seconds
        plan += [(leaves_at, self._rename_away), (leaves_at + seconds / 4, self._rename_back), (seconds, lambda: None)]
        self._follow(sorted(plan, key=lambda step: step[0]))

    def _follow(self, plan: list[tuple[float, Deed]]) -> None:
        began = time.monotonic()
        for at, deed in plan:
            while time.monotonic() - began < at:
                self._consumers.look()
                time.sleep(_LOOK_SECONDS)
            self.log.append(f"{time.monotonic() - began:6.1f} s {deed.__name__.strip('_')}")
            deed()

    def _kill(self) -> None:
        self._consumers.kill_one(self._rng)

    def _restart(self) -> None:
        with self._watcher.excepted():
            self._world.stop_postgres(self._rng.choice(("fast", "immediate")))
            time.sleep(self._rng.uniform(0, _LONGEST_OUTAGE_SECONDS))
            self._world.start_postgres()

    def _cut(self) -> None:
        with server_cursor("postgres") as cursor:
            cursor.execute(_CUT)

    def _rename_away(self) -> None:
        here = quoted(self._victim)
        with server_cursor("postgres") as cursor:
            cursor.execute(f"ALTER DATABASE {here} ALLOW_CONNECTIONS false")
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", [self._victim]
            )
            cursor.execute(f"ALTER DATABASE {here} RENAME TO {quoted(self._victim + '_away')}")

    def _rename_back(self) -> None:
        here = quoted(self._victim)
        with server_cursor("postgres") as cursor:
            cursor.execute(f"ALTER DATABASE {quoted(self._victim + '_away')} RENAME TO {here}")
            cursor.execute(f"ALTER DATABASE {here} ALLOW_CONNECTIONS true")

"""Kills, restarts and cuts, by a plan that depends on the seed only."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack

from ingestion.status.lag import measure_lag
from ingestion.topics import COUPONS, EVENTS
from tenants.databases.servers import quoted, server_cursor
from tenants.models import Casino
from tenants.tests.frozen_server import frozen

from .consumers import Consumers
from .progress_watcher import Watcher
from .sender import ChaosSender
from .servers import VICTIMS_SERVER, Servers
from .topics import add_partition, recreate

_CUT = """
SELECT pg_terminate_backend(pid) FROM (
    SELECT pid FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 3
) AS sessions
"""
_RAISE = """
CREATE FUNCTION chaos_raise() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE 'chaos' USING ERRCODE = 'CS001'; END $$;
CREATE TRIGGER chaos_raise BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION chaos_raise()
"""
_READING_SECONDS = 60.0
_POLL_SECONDS = 0.1
_LONGEST_OUTAGE_SECONDS = 2.0

Outage = Callable[[], None]


class Outages:
    def __init__(
        self,
        servers: Servers,
        consumers: Consumers,
        watcher: Watcher,
        sender: ChaosSender,
        *,
        victim: Casino,
        rejecting: Casino,
        rng: random.Random,
    ) -> None:
        self._servers, self._consumers, self._watcher, self._sender = servers, consumers, watcher, sender
        assert victim.db_name is not None
        assert rejecting.db_name is not None
        self._victim, self._rejecting = victim.db_name, rejecting.db_name
        self._rng = rng
        self._frozen = ExitStack()
        self._kills_due = 0
        self.log: list[str] = []

    def run(self, seconds: float, *, kills: int, restarts: int, cuts: int) -> None:
        """Run the plan. The victim's database is unavailable for a quarter of `seconds`; later its server hangs for the
        same time. The rejecting casino's database has a raising trigger meanwhile. A real broker recreates one topic
        and adds a partition to another."""
        plan: list[tuple[float, Outage]] = [
            (self._rng.uniform(0, seconds), outage)
            for outage, count in ((self._kill, kills), (self._restart, restarts), (self._cut, cuts))
            for _ in range(count)
        ]
        renamed_at = self._rng.uniform(0.2, 0.5) * seconds
        plan += [(renamed_at, self._rename), (renamed_at + seconds / 4, self._rename_back)]
        plan += [(seconds * 0.76, self._freeze), (seconds * 0.99, self._thaw), (seconds, lambda: None)]
        plan += [(seconds * 0.1, self._raise), (seconds * 0.6, self._calm)]
        if self._servers.has_real_broker:
            plan += [(seconds * 0.3, self._add_partition), (seconds * 0.68, self._recreate)]
        with self._frozen:
            self._follow(sorted(plan, key=lambda step: step[0]))

    def _follow(self, plan: list[tuple[float, Outage]]) -> None:
        began = time.monotonic()
        for at, outage in plan:
            while time.monotonic() - began < at:
                self._consumers.restart_ended()
                if self._kills_due and self._consumers.kill_one(self._rng, self._watcher.stalled):
                    self._kills_due -= 1
                time.sleep(_POLL_SECONDS)
            self.log.append(f"{time.monotonic() - began:6.1f} s {outage.__name__.strip('_')}")
            outage()

    def _kill(self) -> None:
        self._kills_due += 1

    def _restart(self) -> None:
        with self._watcher.paused():
            self._servers.stop_postgres(self._rng.choice(("fast", "immediate")))
            time.sleep(self._rng.uniform(0, _LONGEST_OUTAGE_SECONDS))
            self._servers.start_postgres()

    def _cut(self) -> None:
        with server_cursor("postgres") as cursor:
            cursor.execute(_CUT)

    def _raise(self) -> None:
        """Create a trigger with its own SQLSTATE, which rejects that casino's users until `_calm`."""
        with server_cursor(self._rejecting) as cursor:
            cursor.execute(_RAISE)

    def _calm(self) -> None:
        with server_cursor(self._rejecting) as cursor:
            cursor.execute("DROP FUNCTION chaos_raise CASCADE")

    def _add_partition(self) -> None:
        add_partition(COUPONS)

    def _recreate(self) -> None:
        """Recreate a topic once its messages are read: deleting the topic deletes unread ones."""
        with self._sender.paused(), self._watcher.paused():
            deadline = time.monotonic() + _READING_SECONDS
            while not measure_lag(EVENTS).is_none:
                assert time.monotonic() < deadline, "the topic to recreate was not read in time"
                self._consumers.restart_ended()
                time.sleep(_POLL_SECONDS)
            self._sender.expected.forget_ends(EVENTS)
            recreate(EVENTS)

    def _freeze(self) -> None:
        """Freeze the victim's server until `_thaw`."""
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

"""The consumers, each in a process that is restarted after its end, as by a supervisor."""

import os
import random
import subprocess
import sys
import time
from typing import IO

from django.conf import settings

from .servers import Servers

PROCESSES = ("coupons", "coupons", "users", "events")
_SPARED_SECONDS = 5.0  # after its start, which takes some seconds: else a process could be killed before it works
_SESSION_SECONDS = "2"  # for a broker without static membership, as the embedded one


class ConsumerProcess:
    def __init__(self, servers: Servers, number: int) -> None:
        self.topic = PROCESSES[number]
        self.name = f"{self.topic}-{number}"
        self._log: IO[bytes] = (servers.logs / f"{self.name}.log").open("ab")
        group_settings = (
            {"KAFKA_GROUP_INSTANCE_ID": f"chaos-{number}"}
            if servers.has_real_broker
            else {"KAFKA_SESSION_SECONDS": _SESSION_SECONDS}
        )
        self._environment = os.environ | group_settings | {"KAFKA_BATCH_SECONDS": "0.1", "KAFKA_BATCH_SIZE": "200"}
        self._process = self._start()

    @property
    def age(self) -> float:
        return time.monotonic() - self._started_at

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def restart_if_ended(self) -> int | None:
        """The exit status if the process has ended by itself; then it is restarted."""
        status = self._process.poll()
        if status is not None:
            self._process = self._start()
        return status

    def end(self) -> int:
        """Terminate the process; returns its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._started_at = time.monotonic()
        return subprocess.Popen(
            [sys.executable, "manage.py", f"consume_{self.topic}"],
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )


class Consumers:
    """`crashes` describes processes that ended by themselves or failed."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self.kills = 0
        self.crashes: list[str] = []
        self._processes = [ConsumerProcess(servers, number) for number in range(len(PROCESSES))]

    def kill_one(self, rng: random.Random) -> None:
        old_enough = [process for process in self._processes if process.age > _SPARED_SECONDS]
        (rng.choice(old_enough) if old_enough else max(self._processes, key=lambda process: process.age)).kill()
        self.kills += 1

    def restart_ended(self) -> None:
        for process in self._processes:
            if (status := process.restart_if_ended()) is not None:
                self.crashes.append(f"{process.name} ended with {status}")

    def end(self) -> None:
        for process in self._processes:
            if (status := process.end()) != 0:
                self.crashes.append(f"{process.name} ended with {status} after SIGTERM")

    def tracebacks(self) -> list[str]:
        """The tracebacks in the consumers' logs."""
        found = []
        for path in sorted(self._servers.logs.iterdir()):
            text = path.read_text(errors="replace")
            found += [f"{path.stem}: Traceback{part[:3_000]}" for part in text.split("Traceback")[1:]]
        return found

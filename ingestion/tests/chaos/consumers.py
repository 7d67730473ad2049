"""The consumers, each in a process that is started again whenever it has ended, as a supervisor would."""

import os
import random
import subprocess
import sys
import time
from typing import IO

from django.conf import settings

from .servers import World

PROCESSES = ("coupons", "coupons", "users", "events")
_SPARED_SECONDS = 5.0  # after its start, which takes a few: one that is killed again and again can't get anywhere
_SESSION_SECONDS = "2"  # where the broker knows no static members, as the embedded one


class Process:
    def __init__(self, world: World, number: int) -> None:
        self.topic = PROCESSES[number]
        self.name = f"{self.topic}-{number}"
        self._log: IO[bytes] = (world.logs / f"{self.name}.log").open("ab")
        membership = (
            {"KAFKA_GROUP_INSTANCE_ID": f"chaos-{number}"}
            if world.has_real_broker
            else {"KAFKA_SESSION_SECONDS": _SESSION_SECONDS}
        )
        self._environment = os.environ | membership | {"KAFKA_BATCH_SECONDS": "0.1", "KAFKA_BATCH_SIZE": "200"}
        self._process = self._start()

    @property
    def age(self) -> float:
        return time.monotonic() - self._started_at

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def look(self) -> int | None:
        """The status with which the process has ended by itself; then it is started again."""
        status = self._process.poll()
        if status is not None:
            self._process = self._start()
        return status

    def end(self) -> int:
        """The status with which the process ends when it is asked to; None of those that are left are."""
        self._process.terminate()
        try:
            return self._process.wait(30)
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
    """`crashes` are processes that ended though nobody had asked them to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.kills = 0
        self.crashes: list[str] = []
        self._processes = [Process(world, number) for number in range(len(PROCESSES))]

    def kill_one(self, rng: random.Random) -> None:
        grown = [process for process in self._processes if process.age > _SPARED_SECONDS]
        (rng.choice(grown) if grown else max(self._processes, key=lambda process: process.age)).kill()
        self.kills += 1

    def look(self) -> None:
        for process in self._processes:
            if (status := process.look()) is not None:
                self.crashes.append(f"{process.name} ended with {status}")

    def end(self) -> None:
        for process in self._processes:
            if (status := process.end()) != 0:
                self.crashes.append(f"{process.name}, asked to end, did so with {status}")

    def tracebacks(self) -> list[str]:
        """What the consumers logged that nobody expects."""
        found = []
        for path in sorted(self._world.logs.iterdir()):
            text = path.read_text(errors="replace")
            found += [f"{path.stem}: Traceback{part[:3_000]}" for part in text.split("Traceback")[1:]]
        return found

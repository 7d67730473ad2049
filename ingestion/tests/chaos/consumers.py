"""The consumers, each in a process that is restarted when it ends, as by a supervisor."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import IO

from django.conf import settings

from .servers import Servers

PROCESSES = ("coupons", "coupons", "users", "events", "odds", "impressions")
# Seconds without a kill after the topic's consumer has started: else its partitions could be revoked again unread.
_MIN_AGE_SECONDS = 5.0
_DELETED = "deleted by the broker"
SESSION_SECONDS = 2.0  # for a broker without static membership, such as the embedded one


class ConsumerProcess:
    def __init__(self, servers: Servers, number: int, topic: str, session_seconds: float) -> None:
        self.topic = topic
        self.name = f"{self.topic}-{number}"
        self._beats = servers.logs / f"{self.name}.beats"
        self.longest_start = 0.0
        self._log: IO[bytes] = (servers.logs / f"{self.name}.log").open("ab")
        group_settings = (
            {"KAFKA_GROUP_INSTANCE_ID": f"chaos-{number}"}
            if servers.has_real_broker
            else {"KAFKA_SESSION_SECONDS": str(session_seconds)}
        )
        self._environment = os.environ | group_settings | {"KAFKA_BATCH_SECONDS": "0.1", "KAFKA_BATCH_SIZE": "200"}
        self._began_at: float | None = None
        self._process = self._start()

    @property
    def age(self) -> float:
        """Seconds since its loop began; 0 before that."""
        return 0.0 if self._began_at is None else time.monotonic() - self._began_at

    def note_start(self) -> None:
        """Record the start of the loop. Call this often."""
        if self._began_at is None and self._beats.exists():
            self._began_at = time.monotonic()
            self.longest_start = max(self.longest_start, self._began_at - self._started_at)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the process, alive, inside this block."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def restart_if_ended(self) -> int | None:
        """Restart the process if it has ended by itself. Returns its exit status, or None."""
        status = self._process.poll()
        if status is not None:
            self._process = self._start()
        return status

    def end(self) -> int:
        """Terminate the process, and return its exit status."""
        self._process.terminate()
        try:
            return self._process.wait(120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _start(self) -> "subprocess.Popen[bytes]":
        self._beats.unlink(missing_ok=True)
        self._started_at, self._began_at = time.monotonic(), None
        return subprocess.Popen(
            [sys.executable, "manage.py", f"consume_{self.topic}", "--heartbeat", self._beats],
            cwd=settings.BASE_DIR,
            env=self._environment,
            stdout=self._log,
            stderr=self._log,
        )


class Consumers:
    """One process for each of the `topics`. `crashes` describes those that ended by themselves or failed."""

    def __init__(
        self, servers: Servers, topics: Sequence[str] = PROCESSES, session_seconds: float = SESSION_SECONDS
    ) -> None:
        self._servers = servers
        self.kills = 0
        self.crashes: list[str] = []
        self._processes = [
            ConsumerProcess(servers, number, topic, session_seconds) for number, topic in enumerate(topics)
        ]

    @property
    def longest_start(self) -> float:
        """Seconds from the start of a process to its loop."""
        return max(process.longest_start for process in self._processes)

    def kill_one(self, rng: random.Random, stalled: Collection[str] = ()) -> bool:
        """Kill a consumer whose topic has been read for a while and is not stalled. Returns whether there was one."""
        excluded = {process.topic for process in self._processes if process.age < _MIN_AGE_SECONDS}.union(stalled)
        others = [process for process in self._processes if process.topic not in excluded]
        if others:
            rng.choice(others).kill()
            self.kills += 1
        return bool(others)

    def one_stopped(self, rng: random.Random, topic: str) -> AbstractContextManager[None]:
        """Stop one of the topic's consumers inside the block: its partitions stall until others get them."""
        return rng.choice([process for process in self._processes if process.topic == topic]).stopped()

    def restart_ended(self) -> None:
        for process in self._processes:
            process.note_start()
            if (status := process.restart_if_ended()) is not None:
                self.crashes.append(f"{process.name} ended with {status}")

    def end(self) -> None:
        for process in self._processes:
            process.note_start()
            is_starting = not process.age  # it may not handle SIGTERM yet
            if (status := process.end()) != 0 and not is_starting:
                self.crashes.append(f"{process.name} ended with {status} after SIGTERM")

    def tracebacks(self) -> list[str]:
        """The tracebacks in the consumers' logs."""
        found = []
        for name, text in self._logs():
            found += [f"{name}: Traceback{part[:3_000]}" for part in text.split("Traceback")[1:]]
        return found

    def losses(self) -> list[str]:
        """The lines of the consumers' logs that report messages which the broker deleted before they were read."""
        return [f"{name}: {line}" for name, text in self._logs() for line in text.splitlines() if _DELETED in line]

    def _logs(self) -> Iterator[tuple[str, str]]:
        for path in sorted(self._servers.logs.iterdir()):
            yield path.stem, path.read_text(errors="replace")

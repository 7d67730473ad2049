"""Times an operation at a fixed rate, so that a slow operation does not hide later ones that were due."""

import statistics
import threading
import time
from dataclasses import dataclass, field

from .probes import Failed, Probe

CLIENTS = 8


@dataclass(slots=True)
class Timings:
    """Seconds of each operation since it was due; errors by their text."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds) if self.seconds else float("nan")

    @property
    def p99(self) -> float:
        return statistics.quantiles(self.seconds, n=100)[98] if len(self.seconds) > 1 else float("nan")

    @property
    def error_share(self) -> float:
        return len(self.errors) / max(len(self.errors) + len(self.seconds), 1)


class Measurement:
    """Calls the probe `rate` times a second until `stop`. `between` returns the operations due in a period."""

    def __init__(self, probe: Probe, rate: float) -> None:
        self._probe = probe
        self._period = CLIENTS / rate
        self._results: list[tuple[float, float, str]] = []  # time due, seconds, error
        self._stop = threading.Event()
        started = time.monotonic()
        self._threads = [
            threading.Thread(target=self._run, args=[started + number / rate]) for number in range(CLIENTS)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def between(self, begin: float, end: float) -> Timings:
        timings = Timings()
        for due_at, seconds, error in self._results:
            if begin <= due_at < end:
                timings.errors.append(error) if error else timings.seconds.append(seconds)
        return timings

    def _run(self, due_at: float) -> None:
        while not self._stop.wait(max(due_at - time.monotonic(), 0.0)):
            error = ""
            try:
                self._probe()
            except Failed as failure:
                error = str(failure)
            self._results.append((due_at, time.monotonic() - due_at, error))
            due_at += self._period
        while due_at < time.monotonic():
            self._results.append((due_at, 0.0, "not begun, since earlier ones took so long"))
            due_at += self._period

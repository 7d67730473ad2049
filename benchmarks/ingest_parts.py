"""The time of decoding a coupon and of storing it in ten casinos' databases, in one process and without Kafka, compared
with a raw COPY of other coupons into the same tables, in turn.

    python -m benchmarks.ingest_parts [--batches N]

Measures clock time, and the processor time of this process and of PostgreSQL, which depends less on other load.
"""

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("ingest-parts")

import django

django.setup()

import psutil
from django.conf import settings
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from ingestion.messages.envelope import CASINO_HEADER, Envelope, Place
from ingestion.messages.reading import DecodedMessage
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.transaction import store_messages
from ingestion.topics import COUPONS
from operations.gc_tuning import collect_rarely
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino

from .ingest import COPY, _as_copied, build_casinos, sample

_SENT_AT = 1_748_777_300_000
Messages = Sequence[tuple[int, bytes]]  # casino id and value
Costs = dict[str, list[tuple[float, float, float]]]  # part -> microseconds per coupon: clock, Python, PostgreSQL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--batches", type=int, default=8, help="of KAFKA_BATCH_SIZE coupons to store, and of as many to copy"
    )
    batches: int = parser.parse_args().batches
    casinos, size = build_casinos(), int(settings.KAFKA_BATCH_SIZE)
    messages = sample(casinos, 2 * (batches + 1) * size)
    measure(casinos, messages[: 2 * size], 0)  # opens the connections
    collect_rarely()  # like a consumer's process
    costs: Costs = defaultdict(list)
    for number in range(1, batches + 1):
        first = 2 * number * size
        for part, cost in measure(casinos, messages[first : first + 2 * size], first).items():
            costs[part] += cost
    table = Table("part", "clock", "Python", "PostgreSQL", title=f"µs a coupon, medians of {batches} batches")
    for part, cost in costs.items():
        table.add_row(part, *(f"{median(column):.1f}" for column in zip(*cost, strict=True)))
    Console().print(table, f"The machine's load: {os.getloadavg()[0]:.1f}")


def measure(casinos: Sequence[Casino], messages: Messages, first_offset: int) -> Costs:
    """The costs of decoding and storing the first half of the messages, and of copying the second half."""
    costs: Costs = defaultdict(list)
    half = len(messages) // 2
    envelopes = [_envelope(offset, *each) for offset, each in enumerate(messages[:half], first_offset)]
    store = CasinoStore(COUPONS, report=lambda _: None)
    with _timed(costs["decoding"], half):
        decoded = store.decode(envelopes)
    groups: dict[int, list[DecodedMessage]] = defaultdict(list)
    for message in decoded:
        groups[message.envelope.casino_id or 0].append(message)
    with _timed(costs["storing"], half):
        for casino in casinos:
            store_messages(COUPONS, casino, groups[casino.pk], timezone.now(), _refuse)
    rows: dict[int, list[str]] = defaultdict(list)
    for casino_id, value in messages[half:]:
        rows[casino_id].append(_as_copied(value))
    with _timed(costs["raw COPY"], half):
        for casino in casinos:
            _copy(casino, "".join(rows[casino.pk]))
    return costs


def _envelope(offset: int, casino_id: int, value: bytes) -> Envelope:
    place = Place("benchmark", COUPONS.full_name, 0, offset, _SENT_AT + offset)
    return Envelope(place, casino_id, None, value, [(CASINO_HEADER, str(casino_id).encode())])


def _refuse(rejected: object) -> None:
    raise SystemExit(f"coupons are rejected: {rejected!r:.300}")


def _copy(casino: Casino, rows: str) -> None:
    with use_casino(casino.current), casino_atomic(), casino_connection().cursor() as cursor, cursor.copy(COPY) as copy:
        copy.write(rows)


@contextmanager
def _timed(costs: list[tuple[float, float, float]], coupons: int) -> Iterator[None]:
    clocks: tuple[Callable[[], float], ...] = (time.perf_counter, time.thread_time, _postgresql_seconds)
    began = [clock() for clock in clocks]
    yield
    clock, python, postgresql = ((read() - start) / coupons * 1e6 for read, start in zip(clocks, began, strict=True))
    costs.append((clock, python, postgresql))


def _postgresql_seconds() -> float:
    """The processor time of this process's own PostgreSQL server, whose backends stay connected."""
    pid_file = Path(str(settings.EMBEDDED_POSTGRES_DIR)) / "postmaster.pid"
    seconds = 0.0
    for process in psutil.Process(int(pid_file.read_text().split()[0])).children():
        with suppress(psutil.NoSuchProcess):  # autovacuum's processes start and end
            times = process.cpu_times()
            seconds += times.user + times.system
    return seconds


if __name__ == "__main__":
    main()

"""Throughput of ingestion, end to end: from Kafka through validation into the casinos' databases, including ledger and
commit. Measures coupons into ten casinos, with profile counters and tallies; with `--topic odds`, prices into one.

Compared with a raw COPY of the same rows into the same tables (one transaction per casino and batch, like the consumer)
and with single inserts (decode, one ORM save and one commit per row). Consumers run in their own processes and are
measured between the first and the last tenth of the messages, all sent beforehand. Needs a real broker, since the
embedded one keeps too few messages:

    python -m tools.apache_kafka --folder .local/apache-kafka run python -m benchmarks.ingest [--messages N]
    python -m tools.apache_kafka --folder .local/apache-kafka run python -m benchmarks.ingest --threads 1 2 3 4
    python -m tools.apache_kafka --folder .local/apache-kafka run python -m benchmarks.ingest --topic odds [--seconds N]
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from statistics import median
from typing import Any

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("ingest")

import django

django.setup()

import msgspec
import psutil
from django.conf import settings
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from ingestion.messages.coupons import decode_coupon
from ingestion.messages.decoding import TimeBounds, decode_event, decode_message, decode_user
from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import Envelope, Place
from ingestion.producers.load_generator import generate_load
from ingestion.producers.sender import Sender
from ingestion.topics import COUPONS
from recommendations.models import PurchasedCoupon, UserProfile
from recommendations.storing import store_events, store_users
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino

from .casino import _event, _user
from .consumers import consumer, recreate_topics, wait_for
from .odds_ingest import ingest_odds

CASINOS, EVENTS, USERS = 10, 500, 2_000
SINGLE_INSERTS = 3_000
COPY = "COPY purchased_coupons (id, user_id, stake, timestamp, recommended_events) FROM STDIN"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--topic", choices=["coupons", "odds"], default="coupons")
    parser.add_argument("--messages", type=int, default=200_000, help="all sent before they are consumed")
    parser.add_argument("--memory-messages", type=int, default=2_000_000, help="of coupons")
    parser.add_argument("--threads", type=int, nargs="+", help="only compare one consumer with each number")
    parser.add_argument("--turns", type=int, default=5, help="of each number of threads")
    parser.add_argument("--events", type=int, default=10_000, help="with odds")
    parser.add_argument("--markets", type=int, default=100, help="of each event, with three outcomes")
    parser.add_argument("--seconds", type=float, default=60.0, help="of odds at a steady rate")
    arguments = parser.parse_args()
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        sys.exit("KAFKA_BOOTSTRAP_SERVERS is not set. The embedded broker keeps too few messages for this benchmark.")
    console = Console()
    if arguments.topic == "odds":
        ingest_odds(console, arguments.events, arguments.markets, arguments.messages, arguments.seconds)
    elif arguments.threads:
        compare_threads(console, arguments.threads, arguments.turns, arguments.messages)
    else:
        ingest_coupons(console, arguments.messages, arguments.memory_messages)


def ingest_coupons(console: Console, messages: int, memory_messages: int) -> None:
    casinos = build_casinos()
    table = Table("method", "messages/s", "/ raw COPY", title=f"coupons, {CASINOS} casinos")
    copied, single = raw_copy(casinos, messages), single_inserts(casinos)
    one, two = (consumed(casinos, messages, processes) for processes in (1, 2))
    for name, rate in (
        ("raw COPY", copied),
        ("single inserts", single),
        ("one consumer", one),
        ("two consumers", two),
    ):
        table.add_row(name, f"{rate:,.0f}", f"{rate / copied:.2f}")
    console.print(table)
    console.print(f"one consumer / single inserts: {one / single:.0f}; two consumers / one: {two / one:.2f}")
    for name, seconds in validation(casinos):
        console.print(f"validating {name}: {seconds * 1e6:.2f} µs of CPU per message")
    if memory_messages:
        begin, end = memory(casinos, memory_messages)
        console.print(
            f"memory of a consumer after 10 % of {memory_messages:,} messages: {begin:,.0f} MB, "
            f"after all: {end:,.0f} MB"
        )


def compare_threads(console: Console, numbers: list[int], turns: int, messages: int) -> None:
    """Measure one consumer with each number of INGESTION_STORING_THREADS, in turn."""
    casinos = build_casinos()
    rounds = [[consumed_by_threads(casinos, messages, number) for number in numbers] for _ in range(turns)]
    table = Table("threads", "messages/s", "/ first", "µs of processor a message", title=f"medians of {turns} turns")
    for number, found in zip(numbers, zip(*rounds, strict=True), strict=True):
        rates, costs = zip(*found, strict=True)
        ratio = median(rate / first for rate, ((first, _), *_) in zip(rates, rounds, strict=True))
        table.add_row(f"{number}", f"{median(rates):,.0f}", f"{ratio:.2f}", f"{median(costs) * 1e6:.0f}")
    console.print(table, f"The machine's load: {os.getloadavg()[0]:.1f}")


def consumed_by_threads(casinos: list[Casino], count: int, threads: int) -> tuple[float, float]:
    """Messages per second, and the consumer's processor seconds per message, between 10 % and 90 % of the messages."""
    send(casinos, count)
    with consumer(COUPONS, INGESTION_STORING_THREADS=f"{threads}") as running:
        process = psutil.Process(running.pid)
        first, used = wait_for(COUPONS, count * 0.1), sum(process.cpu_times()[:2])
        last, used_then = wait_for(COUPONS, count * 0.9), sum(process.cpu_times()[:2])
        wait_for(COUPONS, count)
    assert sum_of(casinos) == (count, count)
    empty(casinos)
    done = last[1] - first[1]
    return done / (last[0] - first[0]), (used_then - used) / done


def build_casinos() -> list[Casino]:
    ensure_catalogue()
    casinos = store_casinos([f"Casino {number}" for number in range(CASINOS)])
    rng, now = random.Random(5), timezone.now()
    for casino in casinos:
        with use_casino(casino.current):
            store_events([_event(rng, number, now) for number in range(1, EVENTS + 1)])
            store_users([_user(rng, number, now) for number in range(1, USERS + 1)])
    return casinos


def raw_copy(casinos: list[Casino], count: int) -> float:
    """Rows per second."""
    messages = sample(casinos, count)
    began, seconds = 0, 0.0
    while batch := messages[began : began + settings.KAFKA_BATCH_SIZE]:
        began += len(batch)
        groups: dict[int, list[str]] = {}
        for casino_id, value in batch:
            groups.setdefault(casino_id, []).append(_as_copied(value))
        start = time.perf_counter()
        for casino in casinos:
            with (
                use_casino(casino.current),
                casino_atomic(),
                casino_connection().cursor() as cursor,
                cursor.copy(COPY) as copy,
            ):
                copy.write("".join(groups.get(casino.pk, [])))
        seconds += time.perf_counter() - start
    empty(casinos)
    return count / seconds


def _as_copied(value: bytes) -> str:
    fields = msgspec.json.decode(value)
    selections = msgspec.json.encode(fields["recommended_events"]).decode()
    return "{}\t{}\t{}\t{}\t{}\n".format(
        fields["id"], fields["user_id"], fields["stake"], fields["timestamp"], selections
    )


def single_inserts(casinos: list[Casino]) -> float:
    by_id = {casino.pk: casino for casino in casinos}
    messages = sample(casinos, SINGLE_INSERTS)
    start = time.perf_counter()
    for casino_id, value in messages:
        fields = msgspec.json.decode(value)
        with use_casino(by_id[casino_id].current):
            PurchasedCoupon(**fields).save(force_insert=True)
    seconds = time.perf_counter() - start
    empty(casinos)
    return SINGLE_INSERTS / seconds


def consumed(casinos: list[Casino], count: int, processes: int) -> float:
    """Messages per second of `processes` consumers, between 10 % and 90 % of the messages."""
    send(casinos, count)
    with ExitStack() as running:
        for _ in range(processes):
            running.enter_context(consumer(COUPONS))
        first, last = wait_for(COUPONS, count * 0.1), wait_for(COUPONS, count * 0.9)
        wait_for(COUPONS, count)
    counted = sum_of(casinos)
    assert counted == (count, count), counted
    empty(casinos)
    return (last[1] - first[1]) / (last[0] - first[0])


def memory(casinos: list[Casino], count: int) -> tuple[float, float]:
    """Resident megabytes of a consumer after 10 % of the messages, and after all."""
    send(casinos, count)
    with consumer(COUPONS) as process:
        wait_for(COUPONS, count * 0.1)
        begin = psutil.Process(process.pid).memory_info().rss
        wait_for(COUPONS, count)
        end = psutil.Process(process.pid).memory_info().rss
    empty(casinos)
    return begin / 1e6, end / 1e6


def validation(casinos: list[Casino]) -> Iterator[tuple[str, float]]:
    """CPU seconds to decode and validate a message, from its envelope to a row."""
    now = timezone.now()
    rng = random.Random(3)
    messages = {
        "coupons": (decode_coupon, [value for _, value in sample(casinos, 20_000)]),
        "events": (decode_event, [encode_row(_event(rng, number, now)) for number in range(1, 20_001)]),
        "users": (decode_user, [encode_row(_user(rng, number, now)) for number in range(1, 20_001)]),
    }
    for name, (decode, values) in messages.items():
        place, bounds = Place("c", name, 0, 0, 1_748_777_300_000), TimeBounds.at(now)
        envelopes = [Envelope(place, 1, None, value, [("casino_id", b"1")]) for value in values]
        best = min(_read_all(decode, envelopes, bounds) for _ in range(5))
        yield name, best / len(envelopes)


def _read_all(decode: Callable[[Envelope, TimeBounds], Any], envelopes: list[Envelope], bounds: TimeBounds) -> float:
    start = time.process_time()
    for envelope in envelopes:
        decode_message(decode, envelope, bounds)
    return time.process_time() - start


def sample(casinos: list[Casino], count: int) -> list[tuple[int, bytes]]:
    messages = generate_load(COUPONS, casinos, random.Random(7), bad_ratio=0.0)
    return [(message.casino_id, message.value) for message, _ in zip(messages, range(count), strict=False)]


def send(casinos: list[Casino], count: int) -> None:
    """Create the topics again, and send `count` coupons."""
    recreate_topics(COUPONS)
    messages = generate_load(COUPONS, casinos, random.Random(7), bad_ratio=0.0)
    with Sender() as sender:
        for message, _ in zip(messages, range(count), strict=False):
            sender.send(COUPONS.name, message.value, headers={"casino_id": str(message.casino_id)}, key=message.key)


def sum_of(casinos: list[Casino]) -> tuple[int, int]:
    """Stored coupons, and the sum of the profiles' coupon counts."""
    stored = counted = 0
    for casino in casinos:
        with use_casino(casino.current):
            stored += PurchasedCoupon.objects.count()
            counted += sum(UserProfile.objects.values_list("coupon_count", flat=True))
    return stored, counted


def empty(casinos: list[Casino]) -> None:
    for casino in casinos:
        with use_casino(casino.current), casino_connection().cursor() as cursor:
            cursor.execute("TRUNCATE purchased_coupons, ingestion_offsets, ingestion_counts")
            cursor.execute("TRUNCATE user_tallies, casino_tallies, pending_casino_sums")
            cursor.execute(
                "UPDATE users_profile SET coupon_count = 0, stake_total = 0, purchases_at_last_update = 0, "
                "pending_coupon_ids = '{}'"
            )
            cursor.execute("VACUUM ANALYZE users_profile")


if __name__ == "__main__":
    main()

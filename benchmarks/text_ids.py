"""Measures the cost of text ids: storing coupons and recommending, with numbers and with UUIDs, in two casinos in turn.

In process, without Kafka and HTTP server: messages are decoded and stored in batches as by the consumer, requests go
through Django's test client. Prints coupons a second, the milliseconds of a request, and each one's processor time in
microseconds.

    EMBEDDED_POSTGRES=1 python -m benchmarks.text_ids [--rounds N]
"""

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable
from itertools import count
from uuid import NAMESPACE_OID, uuid5

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
os.environ.setdefault("RECSYS_OPEN_API", "1")
os.environ.setdefault("LOG_LEVEL", "ERROR")

import django

django.setup()

from django.conf import settings
from django.test import Client
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from ingestion.messages.decoding import TimeBounds
from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import CASINO_HEADER, Envelope, Place
from ingestion.messages.reading import DecodedMessage, read_message
from ingestion.storing.transaction import store_messages
from ingestion.topics import COUPONS
from recommendations.services import configure
from recommendations.validation.own_ids import OwnId
from tenants.models import Casino

from . import casino as benchmark
from .casino import _coupon, _event

BATCH, REQUESTS = 500, 200
SCHEMA = {"user_id": "string", "stake": "float", "timestamp": "float", "recommended_events": "list"}
Measure = tuple[float, float]  # seconds of one coupon or request, and processor seconds of this process

_rng, _offsets = random.Random(7), count()


def number_of(_: str, number: int) -> OwnId:
    return number


def uuid_of(kind: str, number: int) -> OwnId:
    return str(uuid5(NAMESPACE_OID, f"{kind} {number}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    settings.ALLOWED_HOSTS = ["*"]
    casinos = {own_id: benchmark.build_casino(name, own_id) for name, own_id in (("N", number_of), ("U", uuid_of))}
    for casino in casinos.values():
        configure(casino=casino, recommender_type="inference", recommendation_schema=SCHEMA, now=timezone.now())
    taken: dict[tuple[str, str], list[Measure]] = {}
    for turn in range(rounds + 1):
        for own_id, casino in list(casinos.items())[:: -1 if turn % 2 else 1]:
            for operation, run in (("coupon", _store), ("request", _ask)):
                measured = run(casino, own_id)
                if turn:  # the first round warms up
                    taken.setdefault((operation, own_id.__name__), []).append(measured)
    table = Table("", "ids", "a second", "ms", "processor µs")
    for (operation, ids), each in sorted(taken.items()):
        seconds, processor = (statistics.median(column) for column in zip(*each, strict=True))
        table.add_row(operation, ids, f"{1 / seconds:.0f}", f"{seconds * 1e3:.2f}", f"{processor * 1e6:.0f}")
    Console().print(table)


def _store(casino: Casino, own_id: Callable[[str, int], OwnId]) -> Measure:
    now = timezone.now()
    users = [own_id("users", number) for number in range(1, benchmark.USERS + 1)]
    events = [_event(_rng, own_id("events", number), now) for number in range(1, 101)]
    envelopes = [
        Envelope(
            Place("here", COUPONS.name, 0, offset, round(now.timestamp() * 1_000)),
            casino.pk,
            None,
            encode_row(_coupon(_rng, own_id("coupons", 10**6 + offset), users, events, now)),
            [(CASINO_HEADER, str(casino.pk).encode())],
        )
        for offset in (next(_offsets) for _ in range(BATCH))
    ]
    began, worked = time.perf_counter(), time.process_time()
    bounds = TimeBounds.at(now)
    messages = [DecodedMessage(each, read_message(COUPONS.decode, COUPONS.partial, each, bounds)) for each in envelopes]
    store_messages(COUPONS, casino, messages, now, lambda _: None)
    return (time.perf_counter() - began) / BATCH, (time.process_time() - worked) / BATCH


def _ask(casino: Casino, own_id: Callable[[str, int], OwnId]) -> Measure:
    client = Client(headers={"Casino-ID": str(casino.pk)})
    users = (own_id("users", _rng.randint(1, benchmark.USERS)) for _ in range(REQUESTS))
    paths = [f"/recommend/{user}" for user in users]
    began, worked = time.perf_counter(), time.process_time()
    for path in paths:
        assert client.get(path).status_code == 200
    return (time.perf_counter() - began) / REQUESTS, (time.process_time() - worked) / REQUESTS


if __name__ == "__main__":
    main()

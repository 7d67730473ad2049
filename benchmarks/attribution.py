"""Attribution: the time from storing a coupon to its attribution, and the cost that its note adds to storing it.

`--part lag`: coupons are stored at a steady rate as a consumer stores them, while `consume_recommendations` stores a
fifth as many recommendations and attributes coupons; the database has 200,000 recommendations of 50,000 users. `--part
cost`: batches with and without the trigger that notes coupons alternate; measures the processor time of this process
and its PostgreSQL backend.

    python -m benchmarks.attribution --part lag [--seconds N] [--rate N]
    python -m benchmarks.attribution --part cost [--batches N]
"""

import argparse
import random
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("attribution", KAFKA_BOOTSTRAP_SERVERS="")

import django

django.setup()

from django.utils import timezone
from rich.console import Console

from ingestion.producers.publisher import publisher
from ingestion.topics import RECOMMENDATIONS, create_topics
from recommendations.serving.recommendation import ServedEvent, ServedRecommendation
from tenants.models import Casino
from tenants.routing.connections import query
from tenants.routing.context import use_casino

from .attribution_cost import measure_cost
from .attribution_coupons import EVENTS, USERS, Coupons, build_casino
from .consumers import StoppedProcess, consumer

_TICK = 0.5  # seconds between batches
_PATIENCE = 120.0  # seconds to wait for the last coupons
_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=["lag", "cost"], required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rate", type=int, default=1_000, help="coupons a second")
    parser.add_argument("--batches", type=int, default=300, help="of each size, with and without notes")
    options = parser.parse_args()
    console = Console()
    with console.status("Building the casinos"):
        first, second = (Coupons(*build_casino(f"Benchmark {number}")) for number in (1, 2))
    if options.part == "cost":
        measure_cost(console, (first, second), options.batches)
        return
    with use_casino(first.casino.current):
        measure_lag(console, first, options.seconds, options.rate)


def measure_lag(console: Console, coupons: Coupons, seconds: int, rate: int) -> None:
    broker = [sys.executable, str(_MANAGE), "run_embedded_broker"]
    with StoppedProcess(broker, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        create_topics()
        with consumer(RECOMMENDATIONS), console.status("Storing"):
            lags = _lags(coupons, seconds, int(rate * _TICK))
    console.print(
        f"{coupons.stored:,} coupons, {rate:,} a second for {seconds} s: attributed after "
        f"{statistics.median(lags):.1f} s (median of batches), {max(lags):.1f} s at most"
    )


def _lags(coupons: Coupons, seconds: int, size: int) -> list[float]:
    """For each batch, the seconds from its storing to the attribution of its last coupon."""
    began = time.monotonic()
    waiting: list[tuple[int, float]] = []  # (coupons stored so far, time)
    lags: list[float] = []
    for number in range(int((seconds + _PATIENCE) / _TICK)):
        if number < seconds / _TICK:
            coupons.store(coupons.messages(size))
            _publish_answers(coupons.casino, size // 5)
            waiting.append((coupons.stored, time.monotonic()))
        [(attributed,)] = query("SELECT count(*) FROM attributions")
        now = time.monotonic()
        lags += [now - stored_at for stored, stored_at in waiting if stored <= attributed]
        waiting = [(stored, stored_at) for stored, stored_at in waiting if stored > attributed]
        if not waiting and number >= seconds / _TICK:
            return lags
        time.sleep(max(began + (number + 1) * _TICK - time.monotonic(), 0))
    raise SystemExit(f"{len(waiting)} batches were not attributed within {_PATIENCE:.0f} s")


def _publish_answers(casino: Casino, count: int) -> None:
    for _ in range(count):
        user_id = random.randint(1, USERS)
        served = ServedRecommendation(
            recommendation_id=uuid4(),
            user_id=user_id,
            timestamp=timezone.now(),
            recommender="hybrid",
            asked_for="hybrid",
            stake=Decimal(10),
            currency="EUR",
            events=tuple(ServedEvent((user_id * factor) % EVENTS + 1, 2.5, 0.5) for factor in (1, 7, 11)),
        )
        publisher.publish(casino.pk, served)


if __name__ == "__main__":
    main()

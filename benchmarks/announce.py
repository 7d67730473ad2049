"""The cost for a request of publishing its served recommendation: with an available, an unavailable and no broker.

Prints the time of sending the signal, compared with a signal without receivers. Messages are sent in bursts with pauses
for their delivery; the first message of a burst handles the delivery reports of the previous one.

    python -m benchmarks.announce
"""

import os
import statistics
import time
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

import logging

from django.conf import settings
from rich.console import Console
from rich.table import Table

from ingestion.kafka.embedded_broker import EmbeddedBroker
from ingestion.producers.publisher import QUEUED_MESSAGES, Publisher
from ingestion.topics import PARTITIONS, RECOMMENDATIONS
from recommendations.serving.recommendation import ServedEvent, ServedRecommendation, recommendation_served
from tenants.current_casino import CurrentCasino
from tenants.routing.context import use_casino

BURSTS, MESSAGES = 20, 1_000
NOWHERE = "127.0.0.1:1"


def main() -> None:
    logging.getLogger("ingestion").setLevel(logging.ERROR)
    recommendation_served.receivers.clear()
    table = Table("broker", "median µs", "p99 µs", "longest ms", title=f"{BURSTS * MESSAGES:,} recommendations")
    with use_casino(CurrentCasino(1, "nowhere")):
        _measure(table, "no receiver", pause=0)
        with EmbeddedBroker() as broker:
            broker.create_topic(RECOMMENDATIONS.name, PARTITIONS)
            _measure_publishing(table, "available", broker.bootstrap_servers)
        _measure_publishing(table, "unavailable", NOWHERE)
        _measure_publishing(table, "unavailable, queue full", NOWHERE, already=QUEUED_MESSAGES)
        _measure_publishing(table, "not configured", "")
    Console().print(table)


def _measure_publishing(table: Table, name: str, servers: str, *, already: int = 0) -> None:
    settings.KAFKA_BOOTSTRAP_SERVERS = servers
    publisher = Publisher()
    recommendation_served.connect(publisher.publish)
    for _ in range(already + 1):  # the first call creates the producer
        _send(_recommendation())
    _measure(table, name, pause=0.2)
    publisher.close(0)
    recommendation_served.disconnect(publisher.publish)


def _send(recommendation: ServedRecommendation) -> None:
    recommendation_served.send_robust(ServedRecommendation, casino_id=1, served=recommendation)


def _measure(table: Table, name: str, *, pause: float) -> None:
    taken = []
    for _ in range(BURSTS):
        for _ in range(MESSAGES):
            recommendation = _recommendation()
            began = time.perf_counter()
            _send(recommendation)
            taken.append(time.perf_counter() - began)
        time.sleep(pause)
    p99 = statistics.quantiles(taken, n=100)[98]
    table.add_row(name, f"{statistics.median(taken) * 1e6:.1f}", f"{p99 * 1e6:.1f}", f"{max(taken) * 1e3:.2f}")


def _recommendation() -> ServedRecommendation:
    return ServedRecommendation(
        recommendation_id=uuid4(),
        user_id=31,
        timestamp=datetime.now(UTC),
        recommender="inference",
        asked_for="inference",
        stake=Decimal("25.51"),
        currency="EUR",
        events=tuple(ServedEvent(number, 2.69, 0.75) for number in range(3)),
    )


if __name__ == "__main__":
    main()

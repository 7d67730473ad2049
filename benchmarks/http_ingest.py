"""The throughput of coupons over HTTP, in batches of 1,000 with an Idempotency-Key each, compared with a consumer's.

One web process, and the same number and kind of coupons for both. Needs a real broker:

    python -m tools.apache_kafka --folder .local/apache-kafka run python -m benchmarks.http_ingest [--messages N]
"""

import argparse
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("http-ingest", RECSYS_OPEN_API="1", API_REQUESTS_PER_SECOND="0", PUBLISH_RECOMMENDATIONS="0")

import django

django.setup()

from django.conf import settings
from rich.console import Console
from rich.table import Table

from tenants.models import Casino
from tenants.tests.server_process import GRANIAN_OPTIONS, free_port, wait_for_server

from .consumers import StoppedProcess
from .ingest import build_casinos, consumed, empty, sample, sum_of

BATCH = 1_000
CLIENTS = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    arguments = parser.parse_args()
    if not settings.KAFKA_BOOTSTRAP_SERVERS:
        sys.exit("KAFKA_BOOTSTRAP_SERVERS is not set. The embedded broker keeps too few messages for this benchmark.")
    casinos = build_casinos()
    rows = [
        ("one consumer", consumed(casinos, arguments.messages, processes=1)),
        (f"HTTP, one process, {CLIENTS} clients", posted(casinos, arguments.messages, CLIENTS)),
        ("HTTP, one process, one client", posted(casinos, arguments.messages, 1)),
        ("one consumer, again", consumed(casinos, arguments.messages, processes=1)),
    ]
    table = Table(
        "method", "coupons/s", "/ one consumer", title=f"{arguments.messages:,} coupons, {len(casinos)} casinos"
    )
    for name, rate in rows:
        table.add_row(name, f"{rate:,.0f}", f"{rate / rows[0][1]:.2f}")
    Console().print(table)


def posted(casinos: list[Casino], count: int, clients: int) -> float:
    """Coupons per second, from the first request to the last response."""
    bodies = _bodies(casinos, count)
    port = free_port()
    command = (sys.executable, "-m", "granian", "recsys_project.asgi:application", *GRANIAN_OPTIONS)
    with StoppedProcess([*command, "--port", str(port), "--workers", "1"], stdout=subprocess.DEVNULL):
        wait_for_server(port)
        start = time.perf_counter()
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(_post_all, [port] * clients, [bodies[each::clients] for each in range(clients)]))
        seconds = time.perf_counter() - start
    counted = sum_of(casinos)
    assert counted == (count, count), counted
    empty(casinos)
    return count / seconds


def _bodies(casinos: list[Casino], count: int) -> list[tuple[int, bytes]]:
    by_casino: dict[int, list[bytes]] = {}
    for casino_id, value in sample(casinos, count):
        by_casino.setdefault(casino_id, []).append(value)
    return [
        (casino_id, b"[" + b",".join(values[start : start + BATCH]) + b"]")
        for start in range(0, count, BATCH)
        for casino_id, values in by_casino.items()
        if start < len(values)
    ]


def _post_all(port: int, bodies: list[tuple[int, bytes]]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for number, (casino_id, body) in enumerate(bodies):
        headers = {
            "Casino-ID": str(casino_id),
            "Content-Type": "application/json",
            "Idempotency-Key": f"{id(bodies)}-{number}",
        }
        connection.request("POST", "/coupons", body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer[:500]
    connection.close()


if __name__ == "__main__":
    main()

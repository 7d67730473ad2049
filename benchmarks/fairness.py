"""The effect of casino A's burst on the latency of casino B: p50 and p99 of B's single client, alternately without and
with 32 concurrent connections of A.

After a rejection (429), A's clients wait for `Retry-After` (`polite`), continue at ten times A's rate limit
(`tenfold`), or retry immediately (`hammering`, which keeps a core busy with its client; `counting` only keeps a core
busy, as a control). Measured with A's rate limit, and `hammering` also without. Real server processes; A's clients run
in their own process.

    python -m benchmarks.fairness [--rate N] [--rounds N] [--requests N]
"""

import argparse
import http.client
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

PORT, CONNECTIONS, WORKERS, THREADS = 8766, 32, 2, 8
PAUSE = 0.01  # seconds between two requests of B
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="A's rate limit, requests per second")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--requests", type=int, default=200, help="B's requests in a round")
    parser.add_argument("--burst", nargs=2, metavar=("KEY", "BEHAVIOUR"), help="run A's clients until killed")
    arguments = parser.parse_args()
    if arguments.burst:
        key, behaviour = arguments.burst
        run_clients(key, behaviour, arguments.rate)
        return
    key_a, key_b, casino_a = build(arguments.rate)
    limited = [(arguments.rate, behaviour) for behaviour in ("polite", "tenfold", "counting", "hammering")]
    for rate, behaviour in (*limited, (0, "hammering")):
        casino_a.request_rate = rate
        casino_a.save()
        with serving():
            report(rate, behaviour, (key_a, key_b), arguments.rounds, arguments.requests)


def build(rate: int) -> tuple[str, str, Any]:
    import django

    django.setup()
    from django.utils import timezone

    from recommendations.services import configure
    from tenants.access.api_keys import issue_key

    from . import casino as benchmark

    benchmark.EVENTS, benchmark.USERS, benchmark.COUPONS = 2_000, 500, 4_000
    casinos = [benchmark.build_casino(name) for name in ("Burst", "Other")]
    for casino in casinos:
        configure(casino=casino, recommender_type="inference", recommendation_schema=SCHEMA, now=timezone.now())
    keys = [issue_key(each, name="fairness", scopes=["recommend"], by="benchmark").text for each in casinos]
    return keys[0], keys[1], casinos[0]


@contextmanager
def serving() -> Any:
    server = (
        f"granian recsys_project.asgi:application --interface asgi --http 1 --no-ws --port {PORT} --no-log "
        f"--workers {WORKERS} --workers-kill-timeout 10"
    )
    settings = {"RECSYS_OPEN_API": "0", "HTTPS": "0", "LOG_LEVEL": "ERROR", "WEB_THREADS": str(THREADS)}
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", **settings}
    process = subprocess.Popen((sys.executable, "-m", *server.split()), env=environment)
    try:
        _wait_for_server()
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_for_server() -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", PORT), timeout=1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("The server does not respond.")


def report(rate: int, behaviour: str, keys: tuple[str, str], rounds: int, requests: int) -> None:
    (key_a, key_b), quiet, loud = keys, [], []
    measure_latencies(key_b, requests)
    for _ in range(rounds):
        quiet.extend(measure_latencies(key_b, requests))
        with bursting(key_a, behaviour, rate):
            loud.extend(measure_latencies(key_b, requests))
    p50s = [statistics.median(each) * 1000 for each in (quiet, loud)]
    p99s = [statistics.quantiles(each, n=100)[98] * 1000 for each in (quiet, loud)]
    print(
        f"limit {rate or 'none':>4}, {behaviour:>9}: B's p50 {p50s[0]:.2f} -> {p50s[1]:.2f} ms "
        f"({p50s[1] / p50s[0]:.2f}), p99 {p99s[0]:.2f} -> {p99s[1]:.2f} ms"
    )


@contextmanager
def bursting(key: str, behaviour: str, rate: int) -> Any:
    command = (sys.executable, "-m", "benchmarks.fairness", "--burst", key, behaviour, "--rate", str(rate))
    process = subprocess.Popen(command)
    try:
        time.sleep(3)  # the token bucket's two seconds of burst are used up
        yield
    finally:
        process.kill()
        process.wait(10)


def measure_latencies(key: str, requests: int) -> list[float]:
    connection, taken = http.client.HTTPConnection("127.0.0.1", PORT), []
    for _ in range(requests):
        started = time.perf_counter()
        if send(connection, key) is not None:
            raise SystemExit("B was rejected.")
        taken.append(time.perf_counter() - started)
        time.sleep(PAUSE)
    return taken


def run_clients(key: str, behaviour: str, rate: int) -> None:
    while behaviour == "counting":
        pass
    pause = CONNECTIONS / (10 * rate) if behaviour == "tenfold" else 0.0
    threads = [
        threading.Thread(target=_run_client, args=[key, behaviour == "polite", pause]) for _ in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()


def _run_client(key: str, is_polite: bool, pause: float) -> None:
    """Sends requests forever, every `pause` seconds."""
    connection, next_at = http.client.HTTPConnection("127.0.0.1", PORT), time.monotonic() + pause * random.random()
    while True:
        seconds = send(connection, key)
        if is_polite and seconds is not None:
            time.sleep(seconds * random.uniform(1, 1.5))
        next_at += pause
        time.sleep(max(next_at - time.monotonic(), 0.0) if pause else 0.0)


def send(connection: http.client.HTTPConnection, key: str) -> int | None:
    """Send a request. Returns None, or the seconds of `Retry-After` if it was rejected."""
    connection.request("GET", f"/recommend/{random.randint(1, 500)}", headers={"Authorization": f"Api-Key {key}"})
    response = connection.getresponse()
    response.read()
    if response.status == 200:
        return None
    if response.status != 429:
        raise SystemExit(f"Unexpected status {response.status}.")
    return int(response.headers["Retry-After"])


if __name__ == "__main__":
    main()

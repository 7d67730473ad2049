"""What one casino's burst does to another's answers: casino A asks by 32 connections at once, as often as it can, while
B asks by one, now and then; and B's p50 and p99 are taken without the burst and with it, in turns.

A's clients wait, as `Retry-After` tells them, when they are refused (`polite`), or ask ten times as often as A may
whatever they are told (`tenfold`), or again at once (`hammering`: as fast as a process of Python can, which itself
takes a core; `counting` is a process that takes a core and asks nothing, to compare with), with A's limit and without
any. Real server processes, and A's clients in a process of their own.
"""

import argparse
import http.client
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

PORT, CONNECTIONS, WORKERS, THREADS = 8766, 32, 2, 8
PAUSE = 0.01  # of B, seconds between two requests
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="A's limit, requests a second")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--requests", type=int, default=200, help="of B in a round")
    parser.add_argument("--burst", nargs=2, metavar=("KEY", "MANNERS"), help="be A's clients, until killed")
    arguments = parser.parse_args()
    if arguments.burst:
        be_many(*arguments.burst, arguments.rate)
        return
    key_a, key_b, casino_a = build(arguments.rate)
    limited = [(arguments.rate, manners) for manners in ("polite", "tenfold", "counting", "hammering")]
    for rate, manners in (*limited, (0, "hammering")):
        casino_a.request_rate = rate
        casino_a.save()
        with serving():
            report(rate, manners, (key_a, key_b), arguments.rounds, arguments.requests)


def build(rate: int) -> tuple[str, str, Any]:
    import django

    django.setup()
    from django.utils import timezone

    from recommendations.services import configure
    from tenants.access.api_keys import issue_key

    from . import casino as benchmark

    benchmark.EVENTS, benchmark.USERS, benchmark.COUPONS = 2_000, 500, 4_000
    casinos = [benchmark.build_casino(name) for name in ("Burst", "Bystander")]
    for casino in casinos:
        configure(casino=casino, recommender_type="inference", recommendation_schema=SCHEMA, now=timezone.now())
    keys = [issue_key(each, name="fairness", scopes=["recommend"], by="benchmark").text for each in casinos]
    return keys[0], keys[1], casinos[0]


@contextmanager
def serving() -> Any:
    server = (
        f"granian recsys_project.wsgi:application --interface wsgi --port {PORT} --no-log "
        f"--workers {WORKERS} --blocking-threads {THREADS} --workers-kill-timeout 10"
    )
    environment = {**os.environ, "RECSYS_OPEN_API": "0", "HTTPS": "0", "PYTHONWARNINGS": "ignore", "LOG_LEVEL": "ERROR"}
    process = subprocess.Popen((sys.executable, "-m", *server.split()), env=environment)
    try:
        time.sleep(5)
        yield
    finally:
        process.terminate()
        process.wait(30)


def report(rate: int, manners: str, keys: tuple[str, str], rounds: int, requests: int) -> None:
    (key_a, key_b), quiet, loud = keys, [], []
    take(key_b, requests)
    for _ in range(rounds):
        quiet.extend(take(key_b, requests))
        with bursting(key_a, manners, rate):
            loud.extend(take(key_b, requests))
    p50s = [statistics.median(each) * 1000 for each in (quiet, loud)]
    p99s = [statistics.quantiles(each, n=100)[98] * 1000 for each in (quiet, loud)]
    print(
        f"limit {rate or 'none':>4}, {manners:>9}: B's p50 {p50s[0]:.2f} -> {p50s[1]:.2f} ms "
        f"({p50s[1] / p50s[0]:.2f}), p99 {p99s[0]:.2f} -> {p99s[1]:.2f} ms"
    )


@contextmanager
def bursting(key: str, manners: str, rate: int) -> Any:
    command = (sys.executable, "-m", "benchmarks.fairness", "--burst", key, manners, "--rate", str(rate))
    process = subprocess.Popen(command)
    try:
        time.sleep(3)  # the bucket's two seconds are drunk, what follows goes on for long
        yield
    finally:
        process.kill()
        process.wait(10)


def set_user_vectors(key: str, requests: int) -> list[float]:
    connection, taken = http.client.HTTPConnection("127.0.0.1", PORT), []
    for _ in range(requests):
        started = time.perf_counter()
        if ask(connection, key) is not None:
            raise SystemExit("B was refused.")
        taken.append(time.perf_counter() - started)
        time.sleep(PAUSE)
    return taken


def be_many(key: str, manners: str, rate: int) -> None:
    while manners == "counting":
        pass
    pause = CONNECTIONS / (10 * rate) if manners == "tenfold" else 0.0
    threads = [threading.Thread(target=be_one, args=[key, manners == "polite", pause]) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()


def be_one(key: str, is_polite: bool, pause: float) -> None:
    """Ask for ever, every `pause` seconds."""
    connection, next_at = http.client.HTTPConnection("127.0.0.1", PORT), time.monotonic() + pause * random.random()
    while True:
        seconds = ask(connection, key)
        if is_polite and seconds is not None:
            time.sleep(seconds * random.uniform(1, 1.5))
        next_at += pause
        time.sleep(max(next_at - time.monotonic(), 0.0) if pause else 0.0)


def ask(connection: http.client.HTTPConnection, key: str) -> int | None:
    """None, or the seconds after which to try again."""
    connection.request("GET", f"/recommend/{random.randint(1, 500)}", headers={"Authorization": f"Api-Key {key}"})
    response = connection.getresponse()
    response.read()
    if response.status == 200:
        return None
    if response.status != 429:
        raise SystemExit(f"The answer was {response.status}.")
    return int(response.headers["Retry-After"])


if __name__ == "__main__":
    main()

"""The cost for one process of serving 1,000 casinos in turn instead of 10: time, connections, threads.

Creates 1,000 real databases on its own server (some minutes and 8 GB, removed at the end), and requests `/recommend` of
10 and of 1,000 casinos, round-robin: directly, where nearly every request to 1,000 casinos opens a connection; and
through PgBouncer, if installed, which keeps a warm connection to each database.

    python -m benchmarks.connections
"""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from .own_data import use_own_data

use_own_data("connections")

import django

django.setup()

from django.conf import settings
from django.db import connections
from django.utils import timezone
from msgspec.structs import replace
from rich.console import Console
from rich.progress import track
from rich.table import Table

from recommendations.services import configure
from recommendations.simulation.dummies import dummy_coupon, dummy_event, dummy_user
from recommendations.storing import store_coupons, store_events, store_users
from tenants.databases.catalogue import ensure_catalogue
from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.postgresql import embedded, identity
from tenants.routing.connections import forget_alias
from tenants.routing.context import use_casino
from tenants.tests.pgbouncer import PROGRAM, pgbouncer
from tenants.tests.server_process import environment, free_port, url_by_socket

from .sessions import most_connections

FEW, MANY = 10, 1_000
EVENTS, USERS, COUPONS = 200, 20, 200
REQUESTS, ROUNDS = 2_000, 2
SOME_OFFERS_MB = 2  # the offers of about 70 such casinos; the default size holds all
SCHEMA = {"user_id": "int", "stake": "float", "timestamp": "float", "recommended_events": "list"}
LIMIT = {"max_connections": MANY + 150, "fsync": "off", "autovacuum": "off"}


def main() -> None:
    socket_dir = _start_server()
    _build_casinos()
    connections["default"].close()
    table = _table()
    for title, url in _routes(socket_dir):
        for threads, megabytes in ((1, SOME_OFFERS_MB), (1, settings.OFFERS_MEMORY_MB), (8, settings.OFFERS_MEMORY_MB)):
            _measure(table, title, url, socket_dir, threads=threads, megabytes=megabytes)
    Console(width=140).print(table)


def _start_server() -> str:
    assert settings.EMBEDDED_POSTGRES_DIR is not None
    embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
    with server_cursor("postgres") as cursor:
        for name, value in LIMIT.items():
            cursor.execute(f"ALTER SYSTEM SET {name} = {value}")
    _pg_ctl("restart")
    return embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)


def _pg_ctl(*arguments: str) -> None:
    data_dir = settings.EMBEDDED_POSTGRES_DIR
    assert data_dir is not None
    program = embedded.bin_dir(data_dir) / "pg_ctl"
    command = [str(program), "-w", "-D", str(data_dir), "-l", str(data_dir / "log"), *arguments]
    subprocess.run(command, user=data_dir.stat().st_uid, check=True, stdout=subprocess.DEVNULL)


def _build_casinos() -> None:
    """Create one casino, and copy its database for the others."""
    first = _build_first()
    copied = ("server_id", "generation", "schema_version", "state", "recommender_type", "recommendation_schema")
    values = {field: getattr(first, field) for field in copied}
    with server_cursor("postgres") as cursor:
        for number in track(range(2, MANY + 1), "Creating casinos"):
            casino = Casino(name=f"Casino {number}", db_name=f"casino_of_benchmark_{number}", **values)
            cursor.execute(f"CREATE DATABASE {quoted(str(casino.db_name))} TEMPLATE {quoted(str(first.db_name))}")
            casino.save()
            with server_cursor(casino.db_name) as inside:
                identity.write_identity(inside, casino.current)


def _build_first() -> Casino:
    ensure_catalogue()
    [casino] = store_casinos(["Casino 1"])
    rng, now = random.Random(5), timezone.now()
    with use_casino(casino.current):
        store_events([dummy_event(rng, now=now) for _ in range(EVENTS)])
        store_users([replace(dummy_user(rng, now=now), id=number) for number in range(1, USERS + 1)])
        store_coupons([dummy_coupon(rng, now=now, user_id=rng.randint(1, USERS)) for _ in range(COUPONS)])
    configure(casino=casino, recommender_type="dynamic", recommendation_schema=SCHEMA, now=now)
    forget_alias(casino.current.alias)  # PostgreSQL can't copy a database with open sessions
    return casino


def _routes(socket_dir: str) -> Iterator[tuple[str, str]]:
    yield "direct", url_by_socket(socket_dir, "recommendation_system")
    if PROGRAM is None:
        Console().print("PgBouncer is not installed: apt-get install pgbouncer")
        return
    with pgbouncer(socket_dir, free_port(), servers_each=8) as url:
        yield "PgBouncer", f"{url}recommendation_system"


def _measure(table: Table, title: str, url: str, socket_dir: str, *, threads: int, megabytes: int) -> None:
    """Measure few and many casinos in turn, so that other load affects both; the best round of each counts."""
    direct = url_by_socket(socket_dir, "recommendation_system")
    limits = {"OFFERS_MEMORY_MB": str(megabytes), "API_REQUESTS_AT_ONCE": str(threads)}
    env = environment(url, DATABASE_DIRECT_URL=direct, **limits)
    best: dict[int, dict[str, Any]] = {}
    for _ in range(ROUNDS):
        for casinos in (FEW, MANY):
            result = _run(casinos, threads, env, socket_dir)
            best[casinos] = min(best.get(casinos, result), result, key=lambda each: each["p50"])
    for casinos, result in best.items():
        table.add_row(
            title,
            str(threads),
            str(megabytes),
            f"{casinos:,}",
            f"{result['p50'] * 1e3:.2f}",
            f"{result['p99'] * 1e3:.2f}",
            f"{result['p50'] / best[FEW]['p50']:.2f}",
            f"{result['rate']:.0f}",
            f"{result['sockets']} / {result['sessions']}",
            str(result["threads"]),
            f"{result['switch'] * 1e6:.0f}",
            f"{result['close_old_connections'] * 1e6:.0f}",
        )


def _run(casinos: int, threads: int, env: dict[str, str], socket_dir: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.one_process", str(casinos), str(threads), str(REQUESTS)]
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
    with process, most_connections(process.pid, socket_dir) as maximum:
        output, _ = process.communicate(timeout=600)
    if process.returncode:
        raise SystemExit(f"The measured process exited with {process.returncode}: {output[-500:]}")
    return {**json.loads(output), "sockets": maximum.sockets, "sessions": maximum.sessions}


def _table() -> Table:
    return Table(
        "route",
        "threads",
        "MB of offers",
        "casinos",
        "p50 ms",
        "p99 ms",
        f"p50 / {FEW}'s",
        "requests/s",
        "sockets / sessions",
        "other threads",
        "switch µs",
        "close_old µs",
        title=f"/recommend of {MANY:,} casinos, {EVENTS} events each; best of {ROUNDS} rounds of {REQUESTS:,} requests",
    )


if __name__ == "__main__":
    main()

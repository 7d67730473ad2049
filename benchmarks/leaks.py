"""Checks that none of 100,000 interleaved requests over 50 casinos sees a row of another casino.

8 threads by WSGI and 8 tasks by ASGI run concurrently, through all middleware, to views that read, write and
fail at random; the pool has fewer connections than casinos and workers, so that connections are evicted constantly.
Exit status 1 if a response or a database has a row of another casino.

    python -m benchmarks.leaks [--requests N] [--casinos N]
"""

import argparse
import os
import time
import warnings
from pathlib import Path
from typing import Any

# Use an own server, unless the environment sets one.
os.environ.setdefault("LOCAL_DIR", str(Path(__file__).resolve().parent.parent / ".local" / "leaks"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")
os.environ["RECSYS_OPEN_API"] = "1"
os.environ["CASINO_DATABASE_PREFIX"] = "leaks_casino_"

import django

django.setup()

from django.conf import settings
from rich.console import Console
from rich.table import Table

from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import create_casino
from tenants.lifecycle.delete import delete_casino
from tenants.models import Casino
from tenants.routing.connections import connection_metrics
from tenants.tests import traffic_views
from tenants.tests.traffic import WORKERS, Tally, fill, rows_in_the_wrong_place, send_traffic

CONNECTIONS = 12


def main() -> None:
    arguments = _arguments()
    settings.ROOT_URLCONF, settings.CASINO_CONNECTIONS = traffic_views.__name__, CONNECTIONS
    warnings.simplefilter("ignore")  # Django's handlers warn about synchronous iterators and open files
    console = Console()
    casinos: list[Casino] = []
    try:
        with console.status("Creating the casinos"):
            ensure_catalogue()
            for number in range(arguments.casinos):
                casinos.append(create_casino(f"Leaks {number} {time.time_ns()}"))
                fill(casinos[-1])
        with console.status("Sending requests"):
            started = time.perf_counter()
            tally = send_traffic(casinos, arguments.requests)
            seconds = time.perf_counter() - started
        misplaced = rows_in_the_wrong_place(casinos)
    finally:
        with console.status("Dropping the casinos"):
            for casino in casinos:
                delete_casino(casino, backup=False)
    console.print(_table(tally, misplaced, seconds, arguments.casinos))
    raise SystemExit(1 if tally.foreign or tally.unexplained or misplaced else 0)


def _arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--casinos", type=int, default=50)
    return parser.parse_args()


def _table(tally: Tally, misplaced: int, seconds: float, casinos: int) -> Table:
    title = f"{casinos} casinos, {WORKERS} threads by WSGI, {WORKERS} tasks by ASGI, {CONNECTIONS} connections"
    table = Table("", "count", title=title)
    metrics, requests = connection_metrics(), tally.statuses.total()
    rows: dict[str, Any] = {
        "requests": requests,
        "requests/s": round(requests / seconds),
        "rows of another casino in responses": tally.foreign,
        "rows in the wrong database, or of failed transactions": misplaced,
        "unexplained responses": tally.unexplained.total(),
        "status 200": tally.statuses[200],
        "status 500: failed on purpose": tally.statuses[500],
        "status 503: no connection available in time": tally.statuses[503],
        "maximum of open connections": tally.most_open,
        "connections opened": metrics.opened,
        "connections evicted": metrics.evicted,
        "waits for a connection": metrics.waited,
        "timeouts of these waits": metrics.refused,
    }
    for name, count in rows.items():
        table.add_row(name, f"{count:,}")
    return table


if __name__ == "__main__":
    main()

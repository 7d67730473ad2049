"""The time and queries of checking an API key: cached, not cached, and unknown.

python -m benchmarks.keys
"""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "recsys_project.settings")

import django

django.setup()

from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rich.console import Console
from rich.table import Table

from tenants.access.api_keys import api_key_cache, find_key, issue_key, mask_key, revoke_key
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos

ROUNDS = 5_000
UNKNOWN = f"recsys_{'0' * 12}_{'A' * 43}"


def main() -> None:
    ensure_catalogue()
    settings.API_KEY_USE_SECONDS = 3_600
    [casino] = store_casinos(["Keys"])
    issued = issue_key(casino, name="benchmark", scopes=["recommend"], by="benchmark")
    settings.CATALOGUE_LEASE_SECONDS = 3_600  # imported late: a change waits until the caches expire
    table = Table("key", "p50 µs", "p99 µs", "queries")
    for name, prepare, text in (
        ("cached", lambda: None, issued.text),
        ("not cached", api_key_cache.reset, issued.text),
        ("unknown", lambda: None, UNKNOWN),
        ("malformed", lambda: None, "guess"),
    ):
        table.add_row(name, *measure(text, prepare))
    Console().print(table)
    settings.CATALOGUE_LEASE_SECONDS = 0
    revoke_key(issued.row)


def measure(text: str, prepare: Callable[[], Any]) -> tuple[str, ...]:
    """p50, p99 and queries of a request's key handling: removing it from the request, its lookup, and reading its
    casino."""
    check(text)
    taken = []
    for _ in range(ROUNDS):
        prepare()
        started = time.perf_counter()
        check(text)
        taken.append(time.perf_counter() - started)
    prepare()
    with CaptureQueriesContext(connection) as queries:
        check(text)
    p99 = statistics.quantiles(taken, n=100)[98]
    return f"{statistics.median(taken) * 1e6:.1f}", f"{p99 * 1e6:.1f}", str(len(queries))


def check(text: str) -> None:
    _, digest = mask_key({"HTTP_AUTHORIZATION": f"Api-Key {text}"})
    key = find_key(digest) if digest is not None else None
    if key is not None:
        assert key.casino


if __name__ == "__main__":
    main()

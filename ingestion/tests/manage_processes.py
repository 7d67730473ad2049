"""Runs manage.py in subprocesses, with the tests' databases and the test's broker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.db import connections

from tenants.postgresql import embedded

IN_PROCESSES = {"transaction": True, "databases": ["default", "casino_1", "casino_2"]}


def subprocess_environment(**changes: str) -> dict[str, str]:
    return os.environ | {"SECRET_KEY": "of-the-tests-" + "0" * 50, "PYTHONUNBUFFERED": "1"} | changes


def database_environment(**changes: str) -> dict[str, str]:
    """Environment variables that select the tests' catalogue, which has the names of the casinos' databases."""
    name = connections["default"].settings_dict["NAME"]
    if settings.EMBEDDED_POSTGRES_DIR:
        folder = embedded.ensure_running(settings.EMBEDDED_POSTGRES_DIR)
        url = f"postgres://postgres@/{name}?host={quote(folder)}"
    else:
        url = urlsplit(settings.DATABASE_URL)._replace(path=f"/{name}").geturl()
    return subprocess_environment(
        DATABASE_URL=url,
        KAFKA_BOOTSTRAP_SERVERS=settings.KAFKA_BOOTSTRAP_SERVERS,
        KAFKA_BATCH_SECONDS="0.05",
        KAFKA_SESSION_SECONDS=str(settings.KAFKA_SESSION_SECONDS),
        **changes,
    )


@contextmanager
def manage(*arguments: str, env: dict[str, str]) -> Iterator["subprocess.Popen[str]"]:
    """A running `manage.py ...`; killed at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def run(*arguments: str, **changes: str) -> Any:
    """(exit status, stdout, stderr) of a `manage.py ...` that ends by itself."""
    with manage(*arguments, env=database_environment(**changes)) as process:
        out, error = process.communicate(timeout=120)
    return process.returncode, out, error

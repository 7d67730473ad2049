"""An installation for each test, in which a demo runs in other processes."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pytest

from tenants.tests.waiting import wait_until

EMBEDDED = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "SECRET_KEY", "RECSYS_OPEN_API", "HTTPS")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in EMBEDDED}
    return {**kept, "LOCAL_DIR": str(tmp_path / "local"), "COLUMNS": "120"}


@pytest.fixture
def left_running(tmp_path: Path) -> Callable[[], list[psutil.Process]]:
    """Returns the processes of this test's installation that are still running."""
    marks = (str(tmp_path), f"LOCAL_DIR={tmp_path}")

    def find() -> list[psutil.Process]:
        return [process for process in psutil.process_iter() if _belongs(process, tmp_path, marks)]

    return find


@pytest.fixture
def await_none_left(left_running: Callable[[], list[psutil.Process]]) -> Callable[[], None]:
    """Waits until no process is running: the one that forked the others ends after the demo."""

    return partial(wait_until, lambda: not left_running(), else_say="processes of the demo are still running")


def _belongs(process: psutil.Process, folder: Path, marks: tuple[str, ...]) -> bool:
    try:
        if any(mark in part for mark in marks for part in process.cmdline()):
            return True
        return str(process.environ().get("LOCAL_DIR", "")).startswith(str(folder))
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False

"""An earlier version of the project's code, run in its own processes on the tests' databases and broker."""

import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from django.conf import settings

from tenants.tests.server_process import GRANIAN_OPTIONS, free_port, wait_for_server

from .manage_processes import database_environment


class EarlierRelease:
    """The code in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "processes.log"

    @property
    def log(self) -> str:
        """The output of its servers and consumers."""
        return self._log.read_text(errors="replace")

    def manage(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """A `manage.py ..` that ends by itself."""
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command,
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def consumer(self, topic: str) -> Iterator["subprocess.Popen[bytes]"]:
        with self._process("manage.py", f"consume_{topic}") as process:
            yield process

    @contextmanager
    def server(self) -> Iterator[int]:
        """The port of a web server."""
        port = free_port()
        command = ("-m", "granian", "recsys_project.asgi:application", *GRANIAN_OPTIONS, "--port", str(port))
        with self._process(*command, "--workers", "1", RECSYS_OPEN_API="1", HTTPS="0", PUBLISH_RECOMMENDATIONS="0"):
            wait_for_server(port)
            yield port

    @contextmanager
    def _process(self, *arguments: str, **changes: str) -> Iterator["subprocess.Popen[bytes]"]:
        command = [sys.executable, *arguments]
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command, cwd=self._folder, env=self._environment(**changes), stdout=log, stderr=log
            )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(60)
            finally:
                process.kill()
                process.wait()

    def _environment(self, **changes: str) -> dict[str, str]:
        return database_environment(LOCAL_DIR=str(self._folder / ".local"), PYTHONWARNINGS="ignore", **changes)


def release_without(path: str, folder: Path) -> EarlierRelease:
    """The last commit before the file at `path` was added, unpacked in `folder`. Skips the test if the history does not
    go back so far, as in a shallow clone or in an image."""
    added = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", path)
    if not added or _git("rev-parse", "--is-shallow-repository") == b"true":
        pytest.skip("the history of the repository is not there: a full clone has it")
    archive = _git("archive", "--format=tar", f"{added.decode()}^")
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return EarlierRelease(folder)


def _git(*arguments: str) -> bytes:
    """The output of git; empty if it fails. The checkout may belong to another user, as in a container."""
    command = ["git", "-c", "safe.directory=*", "-C", str(settings.BASE_DIR), *arguments]
    try:
        run = subprocess.run(command, capture_output=True, check=False, timeout=60)
    except FileNotFoundError:
        return b""
    return run.stdout if arguments[0] == "archive" else run.stdout.strip()

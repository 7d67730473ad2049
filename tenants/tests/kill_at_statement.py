"""A process that is killed at any chosen statement that it sends to a database."""

import os
import signal
import warnings
from collections.abc import Callable
from typing import Any

from django.db.backends.signals import connection_created

from .forked_process import exit_code

ENDED, FAILED = 0, 1


def run_and_kill(work: Callable[[], object], *, before_statement: int) -> bool:
    """Run `work` in its own process, and kill that with SIGKILL just before its n-th statement (from 1 on).

    Returns whether it was killed: false if it ended before that statement. Raises AssertionError if `work` failed.
    """
    with warnings.catch_warnings(action="ignore"):  # other threads hold no lock that the child takes
        pid = os.fork()
    if pid == 0:
        _work_until_killed(work, before_statement)
    ended = exit_code(pid)
    assert ended in (ENDED, -signal.SIGKILL), f"the work failed by itself, or did not end: {ended}"
    return ended != ENDED


def _work_until_killed(work: Callable[[], object], before_statement: int) -> None:
    statements = 0

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal statements
        statements += 1
        if statements == before_statement:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*arguments)

    def watch(connection: Any, **kwargs: Any) -> None:
        connection.execute_wrappers.append(count)

    status = FAILED
    try:
        connection_created.connect(watch)
        work()
        status = ENDED
    except BaseException as error:  # noqa: BLE001 (the process ends here, and the test says so)
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)

"""Work for worker processes, which must be importable there."""

import os
import signal
import sys
import time
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from tenants.models import Casino


@contextmanager
def working(tell):
    """Each task says what is to be done."""
    yield lambda task: _work(task, tell)


def unable_to_start(tell):
    sys.exit(3)


@contextmanager
def starting_once(path, tell):
    """One process starts, and no other after it."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        sys.exit(3)
    yield lambda task: _work(task, tell)


def _work(task, tell):
    match task:
        case "fail":
            raise ValueError("what failed\nand why")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "tell":
            tell(f"told by {task}")
        case "sleep":
            time.sleep(600)
        case "look":
            return settings.CASINO_DATABASE_PREFIX, connections["default"].settings_dict["NAME"], Casino.objects.count()
        case "pid":
            time.sleep(0.1)  # or one process would be done with all before the others have started
            return os.getpid()
    return f"{task} done"

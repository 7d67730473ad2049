"""Tasks of worker processes, which import them from here."""

import os
import signal
import sys
import time
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from tenants.models import Casino


@contextmanager
def working(notify):
    """Each task names an action."""
    yield lambda task: _work(task, notify)


def unable_to_start(notify):
    sys.exit(3)


@contextmanager
def starting_once(path, notify):
    """One process starts; the later ones fail."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        sys.exit(3)
    yield lambda task: _work(task, notify)


def _work(task, notify):
    match task:
        case "fail":
            raise ValueError("what failed\nand why")
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "notify":
            notify(f"message of {task}")
        case "sleep":
            time.sleep(600)
        case "look":
            return settings.CASINO_DATABASE_PREFIX, connections["default"].settings_dict["NAME"], Casino.objects.count()
        case "pid":
            time.sleep(0.1)  # else one process would run all tasks before the others have started
            return os.getpid()
    return f"{task} done"

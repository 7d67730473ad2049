"""A process that recommends, and checks each response: `python -m ingestion.tests.answers.reader`.

Prints its results as JSON, at its end or after SIGTERM. In process, the slips and the offsets are read in one
REPEATABLE READ transaction, so that the snapshot is known exactly. With `--port`, it sends requests over HTTP, and the
snapshots lie between the offsets before and after each request.
"""

import argparse
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django
import msgspec

Step = Callable[[], None]
_SHOWN_SECONDS = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--casino", type=int, required=True)
    parser.add_argument("--answers", type=int, required=True)
    parser.add_argument("--users", type=int, nargs=2, required=True, help="the first, and the one after the last")
    parser.add_argument("--port", type=int)
    arguments = parser.parse_args()
    with until_sigterm() as is_ending:
        django.setup()
        found = _read(arguments, is_ending)
    print(msgspec.json.encode(found).decode(), flush=True)


@contextmanager
def until_sigterm() -> Iterator[list[bool]]:
    """A list that SIGTERM fills. After the block, SIGTERM is ignored until the process has ended: at its end Python
    removes handlers, but keeps ignored signals ignored."""
    is_ending: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: is_ending.append(True))
    try:
        yield is_ending
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _read(arguments: argparse.Namespace, is_ending: list[bool]) -> Any:
    from tenants.models import Casino
    from tenants.routing.context import use_casino

    from .checker import Checker
    from .http_answers import HttpAnswers
    from .snapshot_answers import SnapshotAnswers

    checker = Checker(arguments.journal)
    rng, users = random.Random(arguments.users[0]), range(*arguments.users)
    with use_casino(Casino.objects.get(pk=arguments.casino).current):
        step: Step
        if arguments.port:
            step = HttpAnswers(checker, rng, users, arguments.casino, arguments.port).step
        else:
            step = SnapshotAnswers(checker, rng, users, arguments.casino).step
        shown_at = time.monotonic()
        while checker.found.answers < arguments.answers and not is_ending:
            step()
            if time.monotonic() > shown_at + _SHOWN_SECONDS:
                shown_at = time.monotonic()
                print(f"reader of users {users}: {checker.found.progress}", file=sys.stderr, flush=True)
    return checker.found


if __name__ == "__main__":
    main()

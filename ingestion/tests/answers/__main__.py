"""`python -m ingestion.tests.answers`: exit status 1 if a wrong leg was served."""

import argparse
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ingestion.tests.chaos.servers import Servers, start_servers

CONSUMERS = ("odds", "odds", "events")
_USERS_OF_READER = 200
_POLL_SECONDS = 0.1
_HTTP_SHARE, _HTTP_READERS = 0.02, 2  # concurrent requests, so that the server's threads share their caches


def main() -> int:
    parser = argparse.ArgumentParser(prog="answers", description=__doc__)
    parser.add_argument("--answers", type=int, default=1_000_000)
    parser.add_argument("--readers", type=int, default=2, help="processes that recommend; two more do by HTTP")
    parser.add_argument("--rate", type=int, default=2_000, help="market changes per second")
    parser.add_argument("--events", type=int, default=400, help="at any time")
    parser.add_argument("--seconds", type=float, default=7_200, help="after which it ends with fewer answers")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000))
    arguments = parser.parse_args()
    is_ending = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: is_ending.set())
    with start_servers(has_second=False) as servers:
        found, numbers, errors = run(servers, arguments, is_ending)
    for name, number in {**numbers, **msgspec.to_builtins(found)}.items():
        print(f"{name}: {number}")
    print(*errors, f"seed: {arguments.seed}", sep="\n")
    return 1 if errors or found.faults else 0


def run(
    servers: Servers, arguments: argparse.Namespace, is_ending: threading.Event
) -> tuple[Any, dict[str, Any], list[str]]:
    """Run the proof. Returns the readers' results, the numbers of sent messages and disturbances, and the errors of
    processes. Ends early, with the results so far, once `is_ending` is set."""
    from ingestion.tests.chaos.consumers import Consumers
    from tenants.routing.context import use_casino
    from tenants.tests.server_process import granian

    from .casino import build_casino
    from .checker import read_place
    from .disturbances import SESSION_SECONDS, Disturbances
    from .sender import FeedSender

    rng = random.Random(arguments.seed)
    journal = servers.folder / "journal"
    users = _USERS_OF_READER * (arguments.readers + _HTTP_READERS)
    casino = build_casino(users, rng)
    waits = not servers.has_real_broker
    sender = FeedSender(casino.pk, journal, rng, events=arguments.events, rate=arguments.rate, waits=waits)
    consumers = Consumers(servers, CONSUMERS, SESSION_SECONDS)
    disturbances = Disturbances(consumers, rng)
    try:
        sender.start()
        with granian(_server_environment(), workers=1, log=(servers.logs / "server.log").open("ab")) as (port, _):
            readers = _start_readers(servers, journal, casino.pk, arguments, port)

            def turn() -> None:
                disturbances.turn()
                with use_casino(casino.current):
                    _, sender.stored = read_place()

            _wait(readers, arguments.seconds, turn, is_ending)
            found, errors = found_by(readers)
        sender.finish()
    finally:
        disturbances.end()
        consumers.end()
    numbers = {
        "market changes": sender.feed.changes,
        "messages": sender.messages,
        "seconds": round(sender.seconds),
        "seconds in which consumers were too far behind for more changes": round(sender.waited),
        "killed consumers": consumers.kills,
        "stopped consumers": disturbances.stalls,
    }
    return found, numbers, [*errors, *consumers.crashes, *consumers.tracebacks(), *consumers.losses()]


def _server_environment() -> dict[str, str]:
    import os

    return {**os.environ, "RECSYS_OPEN_API": "1", "HTTPS": "0", "PUBLISH_RECOMMENDATIONS": "0"}


def _start_readers(
    servers: Servers, journal: Path, casino: int, arguments: argparse.Namespace, port: int
) -> list["subprocess.Popen[str]"]:
    by_http = max(round(arguments.answers * _HTTP_SHARE / _HTTP_READERS), 1)
    share = -(-(arguments.answers - by_http * _HTTP_READERS) // arguments.readers)
    readers = []
    for number in range(arguments.readers + _HTTP_READERS):
        is_http = number >= arguments.readers
        first = 1 + number * _USERS_OF_READER
        command = [sys.executable, "-m", "ingestion.tests.answers.reader", "--journal", str(journal)]
        command += ["--casino", str(casino), "--users", str(first), str(first + _USERS_OF_READER)]
        command += ["--answers", str(by_http if is_http else share), *(["--port", str(port)] if is_http else [])]
        readers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    return readers


def _wait(
    readers: list["subprocess.Popen[str]"], seconds: float, turn: Callable[[], None], is_ending: threading.Event
) -> None:
    deadline = time.monotonic() + seconds
    while any(reader.poll() is None for reader in readers) and time.monotonic() < deadline:
        if is_ending.wait(_POLL_SECONDS):
            break
        turn()
    for reader in readers:
        reader.terminate()  # no effect on a process that has ended


def found_by(readers: list["subprocess.Popen[str]"]) -> tuple[Any, list[str]]:
    """The sum of the readers' printed results, and the errors of readers that printed none."""
    from .checker import Found

    found, errors = Found(), []
    for number, reader in enumerate(readers):
        out, _ = reader.communicate()
        if out:
            found.add(msgspec.json.decode(out, type=Found))
        else:
            errors.append(f"reader {number} ended with {reader.returncode}")
    return found, errors


if __name__ == "__main__":
    sys.exit(main())

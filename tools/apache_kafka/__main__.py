"""`python -m tools.apache_kafka`: fetches Apache Kafka, runs it, or runs a command with it."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from .broker import free_port, running_broker
from .errors import BrokerFailed, KafkaError, KafkaMissing
from .jars import fetched_jars, require_java, version

_EX_UNAVAILABLE = 69  # sysexits.h: nothing is wrong, but it can't be had
_ENDING = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    arguments = _parser().parse_args()
    for number in _ENDING:
        signal.signal(number, _end)
    try:
        require_java()
        jars = fetched_jars(arguments.folder / "jars")
        return int(arguments.run(arguments, jars))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except KafkaError as error:
        print(error, file=sys.stderr)
        return _EX_UNAVAILABLE if isinstance(error, KafkaMissing) else 1


def _end(*_: object) -> None:
    """Go and stop what was started. `make` may hand a signal on that came to all of us: the second is one too many."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.apache_kafka", description=__doc__)
    parser.add_argument("--folder", type=_folder, required=True, help="keeps the jars, the messages and the logs")
    deeds = parser.add_subparsers(required=True)
    deeds.add_parser("fetch", help="only get the jars").set_defaults(run=_fetch)
    serve = deeds.add_parser("serve", help="run a broker until Ctrl-C or SIGTERM; its messages stay")
    serve.add_argument("--port", type=int, default=9092)
    serve.set_defaults(run=_serve)
    lend = deeds.add_parser("lend", help="run a command with an empty broker, and answer its exit status")
    lend.add_argument("command", nargs=argparse.REMAINDER)
    lend.set_defaults(run=_lend)
    return parser


def _folder(path: str) -> Path:
    return Path(path).resolve()


def _fetch(arguments: argparse.Namespace, jars: list[Path]) -> int:
    return 0


def _serve(arguments: argparse.Namespace, jars: list[Path]) -> int:
    folder: Path = arguments.folder
    with running_broker(jars, arguments.port, folder / "storage", folder / "serve.log") as broker:
        print(f"Apache Kafka {version()} on {broker.servers}; Ctrl-C ends it.", flush=True)
        try:
            broker.process.wait()
        except KeyboardInterrupt:
            return 0
        raise BrokerFailed(f"Apache Kafka has ended by itself: see {folder / 'serve.log'}.")


def _lend(arguments: argparse.Namespace, jars: list[Path]) -> int:
    log: Path = arguments.folder / "lend.log"
    with (
        tempfile.TemporaryDirectory(prefix="apache-kafka-") as storage,
        running_broker(jars, free_port(), Path(storage), log) as broker,
    ):
        print(f"Apache Kafka {version()} on {broker.servers}.", flush=True)
        return _run(arguments.command, broker.servers)


def _run(command: list[str], servers: str) -> int:
    """The command's exit status. Ctrl-C is the command's, which gets it too and ends; SIGTERM is handed on to it."""
    signal.signal(signal.SIGINT, lambda *_: None)  # no SIG_IGN, which the command would inherit
    process = subprocess.Popen(command, env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers})
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())

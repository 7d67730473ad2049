"""`python -m tools.apache_kafka`: downloads Apache Kafka, runs a broker, or runs a command with a temporary broker."""

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
from .secured_broker import running_secured_broker

_EX_UNAVAILABLE = 69  # sysexits.h: a required program is not available
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def main() -> int:
    arguments = _parser().parse_args()
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    try:
        require_java()
        jars = fetched_jars(arguments.folder / "jars")
        return int(arguments.run(arguments, jars))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except KafkaError as error:
        print(error, file=sys.stderr)
        return _EX_UNAVAILABLE if isinstance(error, KafkaMissing) else 1


def _stop(*_: object) -> None:
    """Stop the program once: `make` may forward a signal that the whole process group has already received."""
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tools.apache_kafka", description=__doc__)
    parser.add_argument("--folder", type=_folder, required=True, help="directory of the jars, messages and logs")
    commands = parser.add_subparsers(required=True)
    commands.add_parser("fetch", help="download the jars").set_defaults(run=_fetch)
    serve = commands.add_parser("serve", help="run a broker until Ctrl-C or SIGTERM; its messages are kept")
    serve.add_argument("--port", type=int, default=9092)
    serve.add_argument("--secured", action="store_true", help="TLS, SASL and mutual TLS; a new password at each start")
    serve.set_defaults(run=_serve)
    run = commands.add_parser("run", help="run a command with an empty temporary broker; exit with its status")
    run.add_argument("command", nargs=argparse.REMAINDER)
    run.set_defaults(run=_run)
    return parser


def _folder(path: str) -> Path:
    return Path(path).resolve()


def _fetch(arguments: argparse.Namespace, jars: list[Path]) -> int:
    return 0


def _serve(arguments: argparse.Namespace, jars: list[Path]) -> int:
    return _serve_secured(arguments, jars) if arguments.secured else _serve_open(arguments, jars)


def _serve_secured(arguments: argparse.Namespace, jars: list[Path]) -> int:
    folder = arguments.folder / "secured"
    with running_secured_broker(jars, arguments.port, folder, folder / "serve.log") as broker:
        print(f"Apache Kafka {version()} on {broker.sasl} (TLS and SCRAM) and {broker.mutual_tls} (mutual TLS).")
        print(*(f"export {name}={value}" for name, value in broker.variables().items()), sep="\n")
        print(f"The administrator's address is {broker.admin}. Press Ctrl-C to stop.", flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            return 0
        return 0


def _serve_open(arguments: argparse.Namespace, jars: list[Path]) -> int:
    folder: Path = arguments.folder
    with running_broker(jars, arguments.port, folder / "storage", folder / "serve.log") as broker:
        print(f"Apache Kafka {version()} on {broker.servers}; press Ctrl-C to stop.", flush=True)
        try:
            broker.process.wait()
        except KeyboardInterrupt:
            return 0
        raise BrokerFailed(f"Apache Kafka has exited: see {folder / 'serve.log'}.")


def _run(arguments: argparse.Namespace, jars: list[Path]) -> int:
    log: Path = arguments.folder / "run.log"
    with (
        tempfile.TemporaryDirectory(prefix="apache-kafka-") as storage,
        running_broker(jars, free_port(), Path(storage), log) as broker,
    ):
        print(f"Apache Kafka {version()} on {broker.servers}.", flush=True)
        return _run_command(arguments.command, broker.servers)


def _run_command(command: list[str], servers: str) -> int:
    """Run the command, and return its exit status. Ctrl-C reaches the command itself; SIGTERM is forwarded to it."""
    signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN: the command would inherit it
    process = subprocess.Popen(command, env=os.environ | {"KAFKA_BOOTSTRAP_SERVERS": servers})
    try:
        return process.wait()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())

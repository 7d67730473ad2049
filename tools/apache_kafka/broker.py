"""Starts and stops an Apache Kafka broker as a child process, on loopback only."""

import base64
import fcntl
import os
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from .errors import BrokerFailed

_SETTINGS = Path(__file__).with_name("server.properties")
_START_SECONDS, _STOP_SECONDS = 60, 30


@dataclass(frozen=True, slots=True)
class Broker:
    servers: str
    process: "subprocess.Popen[bytes]"


@contextmanager
def running_broker(
    jars: Sequence[Path], port: int, folder: Path, log: Path, *, listeners: str = "", settings: str = ""
) -> Iterator[Broker]:
    """Run a broker on `port`; `folder` keeps its messages. `listeners` and `settings` are additional ones, in the form
    of server.properties. Raises BrokerFailed."""
    _require_free(port)
    folder.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    java = ["java", "-Xmx512m", "-Dlog4j2.level=INFO", "-cp", os.pathsep.join(map(str, jars))]
    with _locked(folder) as lock, log.open("w") as output:
        path = _write_settings(folder, port, listeners, settings)
        _format_once(java, folder, path, output)
        # Its own session: a terminal's Ctrl-C does not reach the broker, so that its clients stop first.
        process = subprocess.Popen(
            [*java, "kafka.Kafka", str(path)],
            stdout=output,
            stderr=output,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )
        try:
            _wait_until_responding(process, port, log)
            yield Broker(f"127.0.0.1:{port}", process)
        finally:
            _stop(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _require_free(port: int) -> None:
    if _is_open(port):
        raise BrokerFailed(f"Port 127.0.0.1:{port} is in use: choose another one with KAFKA_PORT.")


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def _locked(folder: Path) -> Iterator[IO[str]]:
    """Lock the folder against a second broker, which would corrupt it, until every process has closed the file."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BrokerFailed(f"Another broker is running in {folder}.") from error
        yield lock


def _write_settings(folder: Path, port: int, listeners: str, settings: str) -> Path:
    """Write the committed settings, with the ports and folder of this start. The last of repeated settings applies."""
    controller = free_port()
    path = folder / "server.properties"
    path.write_text(
        f"{_SETTINGS.read_text()}\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},{listeners}CONTROLLER://127.0.0.1:{controller}\n"
        f"controller.quorum.voters=1@127.0.0.1:{controller}\n"
        f"log.dirs={folder / 'messages'}\n"
        f"{settings}"
    )
    path.chmod(0o600)
    return path


def _format_once(java: Sequence[str], folder: Path, settings: Path, output: IO[str]) -> None:
    if (folder / "messages" / "meta.properties").exists():
        return
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = [*java, "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", f"--config={settings}"]
    if subprocess.run(tool, check=False, stdout=output, stderr=output).returncode != 0:
        raise BrokerFailed(f"Formatting {folder} for Apache Kafka failed: see {output.name}.")


def _wait_until_responding(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        if _is_open(port) and _is_responding(port):
            return
        time.sleep(0.1)
    raise BrokerFailed(f"Apache Kafka did not start: see {log}.")


def _is_responding(port: int) -> bool:
    admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=5).brokers)
    except KafkaException:
        return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

"""What is going to be broken: a PostgreSQL server and, unless the environment names one, a broker, both of our own."""

import atexit
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import django
from django.conf import settings

from tenants.postgresql import embedded

CASINOS = ("Alpha", "Beta", "Gamma", "Delta")


@dataclass(frozen=True, slots=True)
class World:
    folder: Path
    has_real_broker: bool

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def stop_postgres(self, mode: str) -> None:
        subprocess.run(
            [embedded.bin_dir(self.postgres) / "pg_ctl", "-w", "-D", self.postgres, "-m", mode, "stop"],
            user=self.postgres.stat().st_uid,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )

    def start_postgres(self) -> None:
        embedded.ensure_running(self.postgres)


@contextmanager
def new_world() -> Iterator[World]:
    """Sets Django up. The server is known by its address, as one that somebody else runs: nobody but the saboteur
    starts it again."""
    folder = tempfile.mkdtemp(prefix="recsys-chaos-")
    # Registered first, it runs last: after the server has been stopped.
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    world = World(Path(folder), bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS")))
    world.logs.mkdir()
    socket_dir = embedded.ensure_running(world.postgres)
    os.environ.update(
        LOCAL_DIR=folder,
        DATABASE_URL=f"postgres://postgres@/recommendation_system?host={quote(socket_dir, safe='')}",
        SECRET_KEY="of-the-chaos-" + "0" * 50,
        DJANGO_SETTINGS_MODULE="recsys_project.settings",
        LOG_LEVEL="INFO",
    )
    django.setup()
    with _broker():
        yield world


@contextmanager
def _broker() -> Iterator[None]:
    """Empty topics, on a real broker or on an embedded one."""
    from ingestion.kafka.embedded_broker import EmbeddedBroker
    from ingestion.tests.kafka_client import remake_topics
    from ingestion.topics import PARTITIONS, topic_names

    if settings.KAFKA_BOOTSTRAP_SERVERS:
        remake_topics()
        yield
        return
    with EmbeddedBroker() as broker:
        for name in topic_names():
            broker.create_topic(name, PARTITIONS)
        settings.KAFKA_BOOTSTRAP_SERVERS = os.environ["KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
        yield

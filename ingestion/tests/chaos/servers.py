"""The chaos test's own PostgreSQL server, and an embedded broker unless KAFKA_BOOTSTRAP_SERVERS names one."""

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

CASINOS = ("Alpha", "Beta", "Gamma")
VICTIM, VICTIMS_SERVER = "Delta", "second"


@dataclass(frozen=True, slots=True)
class Servers:
    folder: Path
    has_real_broker: bool

    @property
    def postgres(self) -> Path:
        return self.folder / "postgres"

    @property
    def second_postgres(self) -> Path:
        """The folder of the victim's own server."""
        return self.folder / "postgres-second"

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
            timeout=120,
        )

    def start_postgres(self) -> None:
        embedded.ensure_running(self.postgres)


@contextmanager
def start_servers(*, has_second: bool = True) -> Iterator[Servers]:
    """Start the servers and set up Django. DATABASE_URL names PostgreSQL, so that only the chaos test restarts it.
    `has_second`: also start the victim's own server."""
    folder = tempfile.mkdtemp(prefix="recsys-chaos-")
    # registered first, so it runs after the server's end
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    servers = Servers(Path(folder), bool(os.environ.get("KAFKA_BOOTSTRAP_SERVERS")))
    servers.logs.mkdir()
    os.environ.update(
        LOCAL_DIR=folder,
        DATABASE_URL=_url(servers.postgres, "recommendation_system"),
        **({"DATABASE_SERVER_SECOND_URL": _url(servers.second_postgres, "postgres")} if has_second else {}),
        SECRET_KEY="of-the-chaos-" + "0" * 50,
        DJANGO_SETTINGS_MODULE="recsys_project.settings",
        LOG_LEVEL="INFO",
    )
    django.setup()
    with _broker():
        yield servers


def _url(data_dir: Path, db_name: str) -> str:
    return f"postgres://postgres@/{db_name}?host={quote(embedded.ensure_running(data_dir), safe='')}"


@contextmanager
def _broker() -> Iterator[None]:
    """A real or an embedded broker with empty topics."""
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

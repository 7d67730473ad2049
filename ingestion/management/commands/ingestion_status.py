"""`manage.py ingestion_status`: prints consumer lag, each casino's messages of the last hour, and its feeds."""

from typing import Any

import msgspec
from confluent_kafka import KafkaException
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from ingestion.errors import IngestionError
from ingestion.kafka.connection_errors import explain
from ingestion.status.parked import list_parked
from ingestion.status.report import CasinoStatus, PartitionStatus, casino_status, count_unassigned, partition_status
from tenants.management.cli.arguments import ready_casinos
from tenants.management.cli.verbs import columns
from tenants.models import Casino
from tenants.numbers import as_id, counted

_TEXT = 60


class Command(BaseCommand):
    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages
    help = "Show consumer lag by partition, each casino's messages of the last hour, and its feeds of prices."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--casino", type=as_id, metavar="ID", help="show this casino only (default: all)")
        parser.add_argument("--json", action="store_true", help="print one JSON document")

    def handle(self, *args: Any, casino: int | None, json: bool, **options: Any) -> None:
        casinos = Casino.objects.ready() if casino is None else ready_casinos([casino])
        try:
            partitions, parked = partition_status(), list_parked(casino_id=casino)
        except IngestionError as error:
            raise CommandError(str(error)) from error
        except KafkaException as error:
            raise CommandError(f"Kafka: {explain(error)}") from error
        now = timezone.now()
        statuses = [casino_status(each, now, parked) for each in casinos.order_by("pk")]
        unassigned = count_unassigned()
        if json:
            document = {"partitions": partitions, "casinos": statuses, "unassigned_dead_letters": unassigned}
            self.stdout.write(msgspec.json.encode(document).decode())
            return
        self.stdout.write(f"{_partitions(partitions)}\n\n{_casinos(statuses)}")
        if any(each.feeds for each in statuses):
            self.stdout.write(f"\n{_feeds(statuses)}")
        if any(each.lost for each in statuses):
            self.stdout.write(f"\n{_lost(statuses)}")
        if unassigned:
            self.stdout.write(
                f"\n{counted(unassigned, 'dead letter')} without a known casino: see `dead_letters list`."
            )


def _partitions(partitions: list[PartitionStatus]) -> str:
    head = ("topic", "partition", "read", "lag")
    return columns([head, *((each.topic, each.partition, each.read, each.lag) for each in partitions)])


def _casinos(casinos: list[CasinoStatus]) -> str:
    head = (
        "casino",
        "name",
        "stored",
        "per minute",
        "last stored",
        "rejected",
        "waiting",
        "parked",
        "dead letters",
        "last error",
    )
    rows = [
        (
            each.id,
            each.name,
            each.stored,
            each.a_minute,
            each.last_stored and f"{each.last_stored:%H:%M:%S}",
            each.rejected,
            each.waiting,
            each.parked,
            each.dead,
            each.last_error[:_TEXT],
        )
        for each in casinos
    ]
    return columns([head, *rows])


def _feeds(casinos: list[CasinoStatus]) -> str:
    head = ("casino", "producer", "state", "silent for", "last heartbeat by partition")
    rows = [
        (
            each.id,
            feed.producer,
            feed.state,
            "" if feed.silent_seconds is None else f"{feed.silent_seconds:.0f} s",
            ", ".join(f"{number}: {heard_at:%H:%M:%S}" for number, heard_at in feed.partitions.items()),
        )
        for each in casinos
        for feed in each.feeds
    ]
    return columns([head, *rows])


def _lost(casinos: list[CasinoStatus]) -> str:
    return columns([("casino", "lost messages"), *((each.id, text) for each in casinos for text in each.lost)])

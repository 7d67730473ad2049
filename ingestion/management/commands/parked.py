"""`manage.py parked <verb>`: lists and stores parked messages."""

from typing import Any

from django.core.management.base import CommandParser

from ingestion.management.kafka_command import KafkaVerbCommand
from ingestion.status.parked import drain_parked, list_parked
from ingestion.topics import TOPICS, Topic
from tenants.management.cli.terminal import Terminal
from tenants.management.cli.verbs import Verb, VerbResult, columns, registry
from tenants.numbers import as_id


def _add_arguments(parser: CommandParser) -> None:
    parser.add_argument("--topic", choices=sorted(TOPICS))
    parser.add_argument("--casino", type=as_id, metavar="ID")


def _topics(name: str | None) -> list[Topic]:
    return [TOPICS[name]] if name else list(TOPICS.values())


class ListParked(Verb):
    name = "list"
    help = "List messages that wait because their casino's database is unavailable."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_arguments(parser)

    def run(self, terminal: Terminal, *args: Any, topic: str | None, casino: int | None, **options: Any) -> VerbResult:
        parked = list_parked(_topics(topic), casino)
        if not parked:
            return VerbResult("No messages are parked.", [])
        head = ("topic", "casino", "messages", "since", "reason")
        rows = [(each.topic, each.casino_id, each.count, each.since, each.reason) for each in parked]
        return VerbResult(columns([head, *rows]), parked)


class DrainParked(Verb):
    name = "drain"
    help = "Store parked messages of available databases now. Consumers do it within half a minute."

    def add_arguments(self, parser: CommandParser) -> None:
        _add_arguments(parser)

    def run(self, terminal: Terminal, *args: Any, topic: str | None, casino: int | None, **options: Any) -> VerbResult:
        outcomes = drain_parked(_topics(topic), casino)
        text = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.most_common()) or "No messages are parked."
        return VerbResult(text, dict(outcomes))


_VERBS = registry([ListParked(), DrainParked()])


class Command(KafkaVerbCommand):
    help = "List and store parked messages, which wait for their casino's database."
    verbs = _VERBS

"""The bases of the consume_* and produce_* commands."""

import random
import signal
import threading
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ingestion.consumer.consumer import TopicConsumer, by_outcome, describe
from ingestion.consumer.health_server import serving
from ingestion.errors import IngestionError
from ingestion.producers.load_generator import generate_load
from ingestion.producers.sender import Sender, send_at_rate, send_rounds
from ingestion.topics import Topic, create_topics
from tenants.models import Casino
from tenants.numbers import as_count, as_decimal, counted, parse_id


def stop_on_signals() -> threading.Event:
    """An event set by SIGTERM and Ctrl-C, which ends a loop after its current iteration."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class ConsumeCommand(BaseCommand):
    """Consume `topic` until SIGTERM or Ctrl-C; then finish the batch, leave the group, print the outcomes."""

    requires_system_checks = [Tags.models]  # the other checks import all URLs and pages, which no consumer serves
    topic: ClassVar[Topic]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--idle-exit", type=as_decimal, metavar="SECONDS", help="end after SECONDS without a message (for scripts)"
        )
        parser.add_argument(
            "--heartbeat",
            type=Path,
            metavar="FILE",
            help="touch this file at each iteration of the loop (for health checks)",
        )
        parser.add_argument(
            "--http-port",
            type=as_count,
            default=settings.CONSUMER_HTTP_PORT,
            metavar="PORT",
            help="port of /metrics, /health/live and /health/ready; 0: none (%(default)s)",
        )

    def handle(
        self, *args: Any, idle_exit: float | None, heartbeat: Path | None, http_port: int, **options: Any
    ) -> None:
        try:
            create_topics()
            stop = stop_on_signals()  # only now: while it waits for a broker, a signal ends the process at once
            consumer = TopicConsumer(self.topic, stop, idle_exit=idle_exit, heartbeat=heartbeat)
            with _health_server(consumer, http_port):
                consumer.run()
        except (IngestionError, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{self.topic.name}: {describe(by_outcome(consumer.counts))}")


def _health_server(consumer: TopicConsumer, port: int) -> AbstractContextManager[int]:
    return serving(consumer.health, settings.CONSUMER_HTTP_HOST, port) if port else nullcontext(0)


class ProduceCommand(BaseCommand):
    """Send messages of `topic`: dummies to every active casino, or with --rate a realistic load."""

    requires_system_checks = ConsumeCommand.requires_system_checks
    topic: ClassVar[Topic]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--interval",
            type=as_decimal,
            default=settings.PRODUCER_INTERVAL_SECONDS,
            metavar="SECONDS",
            help="time between two rounds of one message per casino (%(default)s)",
        )
        parser.add_argument("--rate", type=as_decimal, metavar="N", help="send N messages per second; 0: no limit")
        parser.add_argument("--count", type=as_count, metavar="N", help="end after N messages (default: never)")
        parser.add_argument("--casinos", metavar="ID,ID", help="send to these casinos only (default: every active one)")
        parser.add_argument(
            "--bad-ratio",
            type=as_decimal,
            default=0.0,
            metavar="SHARE",
            help="with --rate: share of invalid messages, 0 to 1",
        )
        parser.add_argument("--seed", type=as_count, metavar="N", help="random seed, to repeat the same messages")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            create_topics()
            stop = stop_on_signals()  # only now: while it waits for a broker, a signal ends the process at once
            with Sender() as sender:
                self._send(sender, stop, random.Random(options["seed"]), options)
        except IngestionError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{self.topic.name}: {counted(sender.sent, 'message')} sent")

    def _send(self, sender: Sender, stop: threading.Event, rng: random.Random, options: dict[str, Any]) -> None:
        count, rate = options["count"], options["rate"]
        if rate is None:
            send_rounds(
                sender, self.topic, _ids(options["casinos"]), rng, stop, interval=options["interval"], count=count
            )
            return
        messages = generate_load(self.topic, self.casinos(options), rng, options["bad_ratio"])
        send_at_rate(sender, self.topic, messages, stop, rate=rate, count=count)

    def casinos(self, options: dict[str, Any]) -> list[Casino]:
        """The casinos in --casinos, or every active one. Raises CommandError."""
        return _active_casinos(_ids(options["casinos"]))


def _ids(text: str | None) -> list[int] | None:
    ids = [] if text is None else [parse_id(each) for each in text.split(",")]
    known = [each for each in ids if each is not None]
    if len(known) < len(ids):
        raise CommandError(f"--casinos needs ids separated by commas, not {text!r}")
    return None if text is None else known


def _active_casinos(ids: list[int] | None) -> list[Casino]:
    """The active casinos with these ids (None: all). Raises CommandError if one is missing."""
    active = Casino.objects.active().order_by("pk")
    found = list(active if ids is None else active.filter(pk__in=ids))
    missing = set(ids or ()) - {casino.pk for casino in found}
    if missing or not found:
        raise CommandError(
            f"No active casino has the id {', '.join(map(str, sorted(missing)))}. See `manage.py casino list`."
            if missing
            else "No active casino. Create one with `manage.py casino create`."
        )
    return found

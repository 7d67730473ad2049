"""What the commands that consume and produce have in common."""

import random
import signal
import threading
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from .consumer import TopicConsumer, describe
from .errors import IngestionError
from .producers import Sender, send_dummies
from .status_server import serving
from .topics import Topic, create_topics


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and Ctrl-C set, so that a loop ends after what it is doing."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class ConsumeCommand(BaseCommand):
    """Consume `topic` until SIGTERM or Ctrl-C; then finish the batch, commit, leave the group and say what was done."""

    topic: ClassVar[Topic]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--idle-exit", type=float, metavar="SECONDS", help="end when no message has come for so long (for scripts)"
        )
        parser.add_argument(
            "--heartbeat",
            type=Path,
            metavar="FILE",
            help="touch this file at every turn of the loop (for health checks)",
        )
        parser.add_argument(
            "--http-port",
            type=int,
            default=settings.CONSUMER_HTTP_PORT,
            metavar="PORT",
            help="serve /metrics, /health/live and /health/ready there; 0: don't (%(default)s)",
        )

    def handle(
        self, *args: Any, idle_exit: float | None, heartbeat: Path | None, http_port: int, **options: Any
    ) -> None:
        try:
            create_topics()
            stop = stop_on_signals()  # only now: whoever still waits for a broker is simply ended
            consumer = TopicConsumer(self.topic, stop, idle_exit=idle_exit, heartbeat=heartbeat)
            with _served(consumer, http_port):
                consumer.run()
        except (IngestionError, OSError) as error:
            raise CommandError(str(error)) from error
        totals: Counter[str] = Counter()
        for (_, outcome), count in consumer.counts.items():
            totals[outcome] += count
        self.stdout.write(f"{self.topic.name}: {describe(totals)}")


def _served(consumer: TopicConsumer, port: int) -> AbstractContextManager[int]:
    return serving(consumer.health, settings.CONSUMER_HTTP_HOST, port) if port else nullcontext(0)


class ProduceCommand(BaseCommand):
    """Send a dummy message of `topic` to every active casino, again and again."""

    topic: ClassVar[Topic]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--interval",
            type=float,
            default=settings.PRODUCER_INTERVAL_SECONDS,
            metavar="SECONDS",
            help="time between two rounds (%(default)s)",
        )
        parser.add_argument("--count", type=int, metavar="N", help="end after so many rounds (never)")

    def handle(self, *args: Any, interval: float, count: int | None, **options: Any) -> None:
        try:
            create_topics()
            stop = stop_on_signals()  # only now: whoever still waits for a broker is simply ended
            with Sender() as sender:
                self._send_rounds(sender, stop, interval, count)
        except IngestionError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{self.topic.name}: {sender.sent} messages sent")

    def _send_rounds(self, sender: Sender, stop: threading.Event, interval: float, count: int | None) -> None:
        done = 0
        rng = random.Random()
        while not stop.is_set() and done != count:
            send_dummies(sender, self.topic.name, rng, timezone.now())
            done += 1
            if done != count:
                stop.wait(interval)

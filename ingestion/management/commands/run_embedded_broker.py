"""`manage.py run_embedded_broker`: a Kafka broker in memory, for the demo and for development."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ingestion.kafka.embedded_broker import EmbeddedBroker, announced, running_embedded_broker
from ingestion.management.base_commands import stop_on_signals
from ingestion.topics import PARTITIONS, topic_names


class Command(BaseCommand):
    help = "Run librdkafka's mock broker until SIGTERM or Ctrl-C. It keeps messages in memory only."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        stop = stop_on_signals()
        if servers := running_embedded_broker():
            raise CommandError(
                f"An embedded broker of this installation already runs on {servers}: use it, or stop it first."
            )
        with EmbeddedBroker() as broker:
            for name in topic_names():
                broker.create_topic(name, PARTITIONS)
            with announced(broker):
                self.stdout.write(f"Embedded broker on {broker.bootstrap_servers}; stop it with Ctrl-C.")
                self.stdout.flush()
                stop.wait()

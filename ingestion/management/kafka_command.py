"""The base of commands with verbs that use Kafka."""

from typing import Any

from confluent_kafka import KafkaException
from django.core.management.base import CommandError

from ingestion.errors import IngestionError
from ingestion.kafka.connection_errors import explain
from tenants.management.cli.verbs import Verb, VerbCommand, VerbResult


class KafkaVerbCommand(VerbCommand):
    """Shows the errors of Kafka and of this app in one line, without a traceback."""

    def _run(self, verb: Verb, options: dict[str, Any]) -> VerbResult:
        try:
            return super()._run(verb, options)
        except IngestionError as error:
            raise CommandError(str(error)) from error
        except KafkaException as error:
            raise CommandError(f"Kafka: {explain(error)}") from error

"""`manage.py parked <verb>`: messages of casinos whose databases are away."""

from ingestion.management.kafka_command import KafkaVerbCommand
from ingestion.management.parked import VERBS


class Command(KafkaVerbCommand):
    help = "The messages that wait for their casinos' databases."
    verbs = VERBS

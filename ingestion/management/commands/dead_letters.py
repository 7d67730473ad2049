"""`manage.py dead_letters <verb>`: messages that could not be stored."""

from ingestion.management.dead_letters import VERBS
from ingestion.management.kafka_command import KafkaVerbCommand


class Command(KafkaVerbCommand):
    help = "The messages that could not be stored: what is wrong with them, and sending them again."
    verbs = VERBS

"""`manage.py dead_letters <verb>`: messages that could not be stored."""

from ingestion.management.dead_letter_verbs import VERBS
from ingestion.management.verb_commands import KafkaVerbCommand


class Command(KafkaVerbCommand):
    help = "The messages that could not be stored: what is wrong with them, and sending them again."
    verbs = VERBS

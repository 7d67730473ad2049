"""`manage.py parked <verb>`: messages of casinos whose databases are away."""

from ingestion.management.parked_verbs import VERBS
from ingestion.management.verb_commands import KafkaVerbCommand


class Command(KafkaVerbCommand):
    help = "The messages that wait for their casinos' databases."
    verbs = VERBS

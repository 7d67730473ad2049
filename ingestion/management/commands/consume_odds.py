"""`manage.py consume_odds`: store the messages of the topic `odds`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import ODDS


class Command(ConsumeCommand):
    help = "Store the messages of the topic odds until SIGTERM or Ctrl-C."
    topic = ODDS

"""`manage.py consume_impressions`: store the messages of the topic `impressions`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import IMPRESSIONS


class Command(ConsumeCommand):
    help = "Store the messages of the topic impressions until SIGTERM or Ctrl-C."
    topic = IMPRESSIONS

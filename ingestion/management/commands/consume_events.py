"""`manage.py consume_events`: store the messages of the topic `events`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import EVENTS


class Command(ConsumeCommand):
    help = "Store the messages of the topic events until SIGTERM or Ctrl-C."
    topic = EVENTS

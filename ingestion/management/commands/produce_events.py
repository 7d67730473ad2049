"""`manage.py produce_events`: send dummy messages to the topic `events`."""

from ingestion.management.base_commands import ProduceCommand
from ingestion.topics import EVENTS


class Command(ProduceCommand):
    help = "Send a dummy message to the topic events for every active casino, every --interval seconds."
    topic = EVENTS

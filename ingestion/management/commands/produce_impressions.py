"""`manage.py produce_impressions`: send dummy messages to the topic `impressions`."""

from ingestion.management.base_commands import ProduceCommand
from ingestion.topics import IMPRESSIONS


class Command(ProduceCommand):
    help = (
        "Send a dummy message to the topic impressions for every active casino, every --interval seconds: one of its "
        "latest stored recommendations was seen or clicked."
    )
    topic = IMPRESSIONS

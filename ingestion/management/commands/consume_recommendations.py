"""`manage.py consume_recommendations`: store the messages of the topic `recommendations`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import RECOMMENDATIONS


class Command(ConsumeCommand):
    help = "Store the messages of the topic recommendations (served recommendations) until SIGTERM or Ctrl-C."
    topic = RECOMMENDATIONS

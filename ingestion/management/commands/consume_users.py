"""`manage.py consume_users`: store the messages of the topic `users`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import USERS


class Command(ConsumeCommand):
    help = "Store the messages of the topic users until SIGTERM or Ctrl-C."
    topic = USERS

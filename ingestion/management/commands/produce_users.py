"""`manage.py produce_users`: send dummy messages to the topic `users`."""

from ingestion.management.base_commands import ProduceCommand
from ingestion.topics import USERS


class Command(ProduceCommand):
    help = "Send a dummy message to the topic users for every active casino, every --interval seconds."
    topic = USERS

"""`manage.py consume_coupons`: store the messages of the topic `coupons`."""

from ingestion.management.base_commands import ConsumeCommand
from ingestion.topics import COUPONS


class Command(ConsumeCommand):
    help = "Store the messages of the topic coupons until SIGTERM or Ctrl-C."
    topic = COUPONS

"""`manage.py consume_coupons`: store the messages of the topic `coupons`."""

from ingestion.commands import ConsumeCommand
from ingestion.topics import COUPONS


class Command(ConsumeCommand):
    help = "Store the messages of the topic coupons until SIGTERM or Ctrl-C."
    topic = COUPONS

"""`manage.py produce_coupons`: send dummy messages to the topic `coupons`."""

from ingestion.management.base_commands import ProduceCommand
from ingestion.topics import COUPONS


class Command(ProduceCommand):
    help = "Send a dummy message to the topic coupons for every active casino, every --interval seconds."
    topic = COUPONS

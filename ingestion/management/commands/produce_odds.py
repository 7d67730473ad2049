"""`manage.py produce_odds`: send dummy prices to the topic `odds`."""

import random
import threading
from typing import Any

from ingestion.management.base_commands import ProduceCommand
from ingestion.producers.odds_feed import OddsFeed
from ingestion.producers.sender import Sender, send_at_rate
from ingestion.topics import ODDS

_RATE = 20.0  # messages a second


class Command(ProduceCommand):
    help = (
        "Send prices of the open events of every active casino to the topic odds: first all, then 20 changes a second "
        "or --rate, with a heartbeat to each partition every two seconds."
    )
    topic = ODDS

    def _send(self, sender: Sender, stop: threading.Event, rng: random.Random, options: dict[str, Any]) -> None:
        feed = OddsFeed(self.casinos(options), rng, sender.count_partitions(ODDS.name))
        rate = _RATE if options["rate"] is None else options["rate"]
        count = options["count"]
        send_at_rate(sender, ODDS, feed.snapshot(), stop, rate=0.0, count=count)
        send_at_rate(sender, ODDS, feed.changes(), stop, rate=rate, count=count and max(count - sender.sent, 0))

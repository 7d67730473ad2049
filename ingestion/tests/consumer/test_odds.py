"""The topic `odds` through a broker: prices, feeds by partition, dead letters and replays."""

from typing import Any

import pytest

from ingestion.tests.kafka_client import consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.stored_letters import stored_letters
from ingestion.tests.storing.test_odds import TOTALS, odds
from ingestion.topics import ODDS
from recommendations.models import Feed, Market
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

BEAT: dict[str, Any] = {"producer": "LIVE", "heartbeat": {"complete": True}}


def test_heartbeats_are_heard_in_each_partition_and_prices_are_stored_for_their_casino(broker, casino_a, casino_b):
    for partition in range(3):
        send(ODDS, [(1, BEAT)], partition=partition)
    send(ODDS, [(1, odds(TOTALS)), (2, odds(TOTALS | {"line": 3.5})), (1, odds(TOTALS | {"outcomes": []}))])
    consumer = consume(ODDS, 6)
    assert consumer.counts == {(1, "stored"): 4, (2, "stored"): 1, (1, "stored_in_part"): 1}
    [letter] = stored_letters()
    assert (letter.casino_id, letter.reason, letter.row.field) == (1, "missing", "markets[0].outcomes")
    for casino, feeds, statuses in ((casino_a, {0, 1, 2}, ["suspended"]), (casino_b, {0}, ["open"])):
        with use_casino(casino.current):
            assert set(Feed.objects.values_list("partition", flat=True)) == feeds
            assert list(Market.objects.values_list("status", flat=True)) == statuses

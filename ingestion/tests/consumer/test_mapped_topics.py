"""A consumer reads the documents of a casino with a mapping from Kafka: each message once, several rows."""

from datetime import timedelta
from pathlib import Path

import pytest

from ingestion.maintenance import pruning
from ingestion.models import DeadLetter, MessageCount
from ingestion.tests.kafka_client import committed, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import event
from ingestion.topics import EVENTS, ODDS
from recommendations.models import Event, Feed, Market, Producer
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.covered]

ANSWERS = Path(__file__).parents[1] / "provider_answers"
SCHEDULE = (ANSWERS / "sportradar_uof_schedule.xml").read_bytes()
UOF = {path.stem: path.read_bytes() for path in (ANSWERS / "sportradar_uof").glob("*.xml")}


def test_documents_are_stored_counted_and_rejected_as_one_message_each(broker, casino_a, casino_b, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"events": "sportradar-uof-fixture"}})
    broken = SCHEDULE.replace(b"</schedule>", b"")
    send(EVENTS, [(1, SCHEDULE), (2, event(id=7)), (1, broken), (2, SCHEDULE)])
    counts = consume(EVENTS, 4).counts
    assert counts == {(1, "stored"): 1, (2, "stored"): 1, (1, "malformed"): 1, (2, "malformed"): 1}
    assert committed(EVENTS) == {0: 4}
    with use_casino(casino_a.current):
        assert Event.objects.count() == 3
        assert set(MessageCount.objects.values_list("outcome", "count")) == {("stored", 1), ("malformed", 1)}
        [letter] = DeadLetter.objects.all()
        assert bytes(letter.value or b"") == broken
    with use_casino(casino_b.current):
        assert set(Event.objects.values_list("id", flat=True)) == {7}


def test_prices_stops_and_signs_of_life_of_a_feed_are_read_by_the_mapping_of_odds(
    broker, casino_a, casino_b, monkeypatch
):
    # the documents are old, their events unknown
    monkeypatch.setattr(pruning, "_PRICE_RETENTION", timedelta(days=36_500))
    Casino.objects.filter(pk=casino_a.pk).update(options={"mapping": {"odds": "sportradar-uof-markets"}})
    for partition in range(3):
        send(ODDS, [(1, UOF["alive"])], partition=partition)
    plain = {"event_id": 7, "producer": "1", "markets": [{"market": "1", "outcomes": [{"outcome": "1", "odd": 3}]}]}
    feed = [(1, UOF["odds_change"]), (2, plain), (2, UOF["odds_change"]), (1, UOF["score_only"]), (1, UOF["bet_stop"])]
    send(ODDS, [*feed, (1, UOF["fixture_change"])])
    counts = consume(ODDS, 9).counts
    assert counts == {
        (1, "stored"): 5, (2, "stored"): 1, (2, "malformed"): 1, (1, "duplicate"): 1, (1, "empty"): 1,
    }  # fmt: skip
    with use_casino(casino_a.current):
        assert list(Producer.objects.values_list("name", "sends_heartbeats")) == [("1", True)]
        assert set(Feed.objects.values_list("partition", "beats")) == {(0, 1), (1, 1), (2, 1)}
        assert Market.objects.count() == 6
        assert set(Market.objects.values_list("status", flat=True)) == {"suspended"}
    with use_casino(casino_b.current):
        assert Market.objects.count() == 1

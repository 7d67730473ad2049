"""A consumer reads the documents of a casino with a mapping from Kafka: each message once, several rows."""

from pathlib import Path

import pytest

from ingestion.models import DeadLetter, MessageCount
from ingestion.tests.kafka_client import committed, consume, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import event
from ingestion.topics import EVENTS
from recommendations.models import Event
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

SCHEDULE = (Path(__file__).parents[1] / "provider_answers" / "sportradar_uof_schedule.xml").read_bytes()


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

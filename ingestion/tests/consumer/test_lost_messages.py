"""Messages that the broker deletes before they are read. Rows are really committed."""

from io import StringIO
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from django.conf import settings as django_settings
from django.core.management import call_command
from django.utils import timezone
from prometheus_client import REGISTRY

from ingestion.consumer.consumer import TopicConsumer
from ingestion.kafka.client import client_config
from ingestion.kafka.watermarks import watermarks
from ingestion.status.doctor import lost_messages
from ingestion.tests.consumer.test_odds import BEAT
from ingestion.tests.database_outages import catalogue, database_unavailable
from ingestion.tests.kafka_client import Until, committed, consume, in_second_group, rewind, send
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import user
from ingestion.tests.stored_letters import stored_letters
from ingestion.tests.storing.test_odds import TOTALS, odds
from ingestion.topics import ODDS, USERS, Topic
from recommendations.models import Feed, User
from tenants.routing.context import use_casino
from tenants.tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

_ON_APACHE_KAFKA = bool(django_settings.KAFKA_BOOTSTRAP_SERVERS)  # the embedded broker sets it for each test
_MESSAGES = 40
_FILLING = "x" * 200_000  # the embedded broker keeps 5 MB of a partition
_KEPT = 10  # on Apache Kafka


def delete_some(topic: Topic, message: dict[str, Any]) -> tuple[int, int]:
    """Send messages to partition 0, the first of which the broker deletes. Returns the offset of the first one that is
    left, and the end."""
    send(topic, [(1, message | {"filling": _FILLING})] * _MESSAGES)
    end = watermarks(topic.full_name)[0][1]
    if _ON_APACHE_KAFKA:
        place = TopicPartition(topic.full_name, 0, end - _KEPT)
        admin = AdminClient(client_config())
        admin.delete_records([place])[place].result(PATIENCE_SECONDS)
    return watermarks(topic.full_name)[0][0], end


def lost_count(topic: Topic) -> float:
    return REGISTRY.get_sample_value("recsys_ingestion_lost_messages_total", {"topic": topic.name}) or 0.0


def lost_offsets() -> list[tuple[int | None, str]]:
    """(casino, the lost offsets) of each dead letter about lost messages."""
    return [
        (each.casino_id, each.row.detail.partition(", ")[2].partition(",")[0])
        for each in stored_letters()
        if each.reason == "lost"
    ]


def test_messages_deleted_while_no_consumer_ran_are_a_dead_letter_of_each_casino(broker, casino_a, casino_b, caplog):
    send(USERS, [(1, user(id=number)) for number in (1, 2, 3)])
    consume(USERS, 3)
    before = lost_count(USERS)
    first, end = delete_some(USERS, user(id=4))
    assert 3 < first < end
    counts = consume(USERS, 2 + end - first).counts
    assert (counts[1, "lost"], counts[2, "lost"], counts.total()) == (1, 1, 2 + end - first)
    assert lost_offsets() == [(1, f"3 to {first - 1}"), (2, f"3 to {first - 1}")]
    assert lost_count(USERS) - before == first - 3
    assert f"users/0: offsets 3 to {first - 1} ({first - 3}) were deleted by the broker" in caplog.text
    assert committed(USERS)[0] == end
    with use_casino(casino_a.current):
        assert set(User.objects.values_list("id", flat=True)) == {1, 2, 3, 4}
    assert [(each.code, each.casino_id) for each in lost_messages()] == [("messages_lost", 1), ("messages_lost", 2)]
    output = StringIO()
    call_command("ingestion_status", stdout=output)
    assert output.getvalue().count(f"of users/0, 3 to {first - 1}, were deleted by the broker") == 2
    call_command("dead_letters", "replay", "--yes", stdout=output)
    assert "0 dead letters replayed. 2 skipped: of lost messages" in output.getvalue()
    call_command("dead_letters", "purge", "--reason", "lost", "--yes", stdout=output)
    assert list(lost_messages()) == []


@pytest.mark.covered
@pytest.mark.parametrize("strategy", ["range", "cooperative-sticky"])
def test_messages_deleted_under_a_running_consumer_are_found_and_no_others(broker, casino_a, settings, strategy):
    if strategy == "cooperative-sticky" and not _ON_APACHE_KAFKA:
        pytest.skip("the embedded broker does not know this assignment")
    settings.KAFKA_ASSIGNMENT_STRATEGY = strategy
    send(USERS, [(1, user(id=1))])
    send(USERS, [(1, user(id=2))], partition=1)
    offsets: list[tuple[int, int]] = []

    def is_done() -> bool:
        """Called by the consumer's thread, between two batches."""
        if consumer.counts.total() == 2 and not offsets:
            client = consumer._client
            client.pause(client.assignment())  # as while it backs off
            offsets.append(delete_some(USERS, user(id=3)))
            send(USERS, [(1, user(id=4))], partition=1)
            client.resume(client.assignment())
        return bool(offsets) and consumer.counts.total() >= 4 + offsets[0][1] - offsets[0][0]

    consumer = TopicConsumer(USERS, Until(is_done))
    consumer.run()
    [(first, end)] = offsets
    assert lost_offsets() == [(1, f"1 to {first - 1}")]
    assert consumer.counts.total() == 4 + end - first
    assert committed(USERS) == {0: end, 1: 2}


def test_a_loss_that_is_found_while_the_catalogue_is_unavailable_waits_for_it(broker, casino_a, casino_b):
    first, end = delete_some(USERS, user(id=1))
    rewind(USERS)
    with catalogue() as catalogues_database:
        catalogues_database.stop()
        counts = consume(USERS, 2 + end - first, on_wait=catalogues_database.restore).counts
    assert (counts[1, "lost"], counts[2, "lost"]) == (1, 1)
    assert lost_offsets() == [(1, f"0 to {first - 1}"), (2, f"0 to {first - 1}")]


def test_a_group_that_never_read_a_topic_has_lost_nothing(broker, casino_a):
    first, end = delete_some(USERS, user(id=1))
    assert first > 0
    consume(in_second_group(USERS), end - first)
    assert lost_offsets() == []


@pytest.mark.covered
def test_lost_messages_of_odds_close_the_prices_of_their_partition_also_of_a_casino_that_is_unavailable(
    broker, casino_a, casino_b
):
    for partition in (0, 1):
        send(ODDS, [(casino, BEAT) for casino in (1, 2)], partition=partition)
    send(ODDS, [(casino, odds(TOTALS)) for casino in (1, 2)])
    consume(ODDS, 6)
    first, end = delete_some(ODDS, odds(TOTALS))
    found_after = timezone.now()
    with database_unavailable(casino_b):
        counts = consume(ODDS, 2 + end - first).counts
    assert (counts[1, "lost"], counts[2, "parked"]) == (1, 1)
    assert consume(ODDS, 1).counts == {(2, "lost"): 1}
    assert lost_offsets() == [(1, f"4 to {first - 1}"), (2, f"4 to {first - 1}")]
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            valid_since = dict(Feed.objects.values_list("partition", "valid_since"))
        assert valid_since[0] >= found_after
        assert valid_since[1] < found_after


@pytest.mark.skipif(_ON_APACHE_KAFKA, reason="only the embedded broker keeps 5 MB")
def test_deleted_parked_messages_of_odds_close_the_prices_of_their_partition(broker, casino_a, casino_b):
    send(ODDS, [(casino, odds(TOTALS)) for casino in (1, 2)])
    send(ODDS, [(2, odds(TOTALS))], partition=1)
    consume(ODDS, 3)
    with database_unavailable(casino_b):
        for _ in range(2):  # so that all are read before the broker deletes some
            send(ODDS, [(2, odds(TOTALS) | {"filling": _FILLING})] * (_MESSAGES // 2))
            consume(ODDS, _MESSAGES // 2)
        found_after = timezone.now()
    first, end, *_ = watermarks(ODDS.parked)[0]
    assert 0 < first < end
    assert consume(ODDS, end - first).counts.total() == end - first
    with use_casino(casino_b.current):
        valid_since = dict(Feed.objects.values_list("partition", "valid_since"))
    assert valid_since[0] >= found_after > valid_since[1]

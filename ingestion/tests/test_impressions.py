"""Impressions from Kafka to the casinos' databases. Rows are really committed."""

import random
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone

from ingestion.maintenance.pruning import ImpressionPruning
from ingestion.maintenance.tasks import tasks_of_consumer
from ingestion.producers.sender import Sender, send_dummies
from ingestion.status.parked import list_parked
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import IMPRESSIONS, RECOMMENDATIONS
from recommendations.models import Impression
from recommendations.storing import store_recommendations, store_users
from recommendations.tests.factories import UserFactory, served_row, user_row
from tenants.routing.context import use_casino

from .api.conftest import Sender as HttpSender
from .database_outages import database_unavailable
from .kafka_client import consume, in_second_group, send
from .manage_processes import IN_PROCESSES
from .sample_messages import impression, served

pytestmark = pytest.mark.django_db(**IN_PROCESSES)


@pytest.fixture(autouse=True)
def _user_of_both(broker, casino_a, casino_b, settings):
    settings.SERVED_RECOMMENDATIONS_DAYS = 36_500  # else the consumer deletes the stored rows between its batches
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=7)


def stored(casino):
    with use_casino(casino.current):
        return [(row.recommendation_id, row.kind) for row in Impression.objects.order_by("pk")]


def test_each_message_is_a_row_in_its_own_casinos_database(casino_a, casino_b):
    send(IMPRESSIONS, [(1, impression()), (2, impression(kind="clicked"))])
    assert consume(IMPRESSIONS, 2).counts == {(1, "stored"): 1, (2, "stored"): 1}
    assert [kind for _, kind in stored(casino_a)] == ["seen"]
    assert [kind for _, kind in stored(casino_b)] == ["clicked"]


def test_a_message_without_a_time_is_of_the_time_of_its_sending(casino_a):
    before = timezone.now()
    send(IMPRESSIONS, [(1, {name: value for name, value in impression().items() if name != "timestamp"})])
    consume(IMPRESSIONS, 1)
    with use_casino(casino_a.current):
        assert abs((Impression.objects.get().timestamp - before).total_seconds()) < 60


def test_a_message_read_by_two_groups_is_stored_once_and_before_its_recommendation(casino_a):
    send(IMPRESSIONS, [(1, impression())])
    assert consume(IMPRESSIONS, 1).counts == {(1, "stored"): 1}
    assert consume(in_second_group(IMPRESSIONS), 1).counts == {(1, "duplicate"): 1}
    send(RECOMMENDATIONS, [(1, served())])
    assert consume(RECOMMENDATIONS, 1).counts == {(1, "stored"): 1}
    assert stored(casino_a) == [(UUID(served()["recommendation_id"]), "seen")]


def test_a_rejected_message_is_a_dead_letter_of_its_user(casino_a):
    send(IMPRESSIONS, [(1, impression(kind="shown")), (1, b"{"), (99, impression())])
    assert consume(IMPRESSIONS, 3).counts == {(1, "unknown_value"): 1, (1, "malformed"): 1, (None, "unknown_casino"): 1}
    letters = {letter.row.field: letter.row.user_id for letter in stored_letters(topic="impressions")}
    assert letters == {"kind": "7", "": None, "casino_id": "7"}
    call_command("forget_user", "--casino", "1", "7")
    left = {letter.row.field for letter in stored_letters(topic="impressions")}
    assert left == {"", "casino_id"}  # a user who can't be read, and another casino's


def test_messages_of_an_unavailable_database_are_parked_and_stored_later(casino_a, casino_b):
    send(IMPRESSIONS, [(1, impression()), (2, impression())])
    with database_unavailable(casino_b):
        assert consume(IMPRESSIONS, 2).counts == {(1, "stored"): 1, (2, "parked"): 1}
        assert [(each.topic, each.casino_id, each.count) for each in list_parked()] == [("impressions", 2, 1)]
    call_command("parked", "drain", "--topic", "impressions")
    assert len(stored(casino_b)) == 1


def test_a_request_is_not_answered_with_202_while_the_database_is_unavailable(casino_a, casino_b):
    back_ends = HttpSender(casino_a, "recommend"), HttpSender(casino_b, "recommend")
    with database_unavailable(casino_b):
        answers = [back_end.post("/impressions", impression()) for back_end in back_ends]
    assert [answer.status_code for answer in answers] == [202, 503]
    assert "Retry-After" in answers[1].headers
    assert (len(stored(casino_a)), stored(casino_b)) == (1, [])


def test_the_consumer_deletes_impressions_as_old_as_deleted_recommendations(casino_a, casino_b, settings):
    send(IMPRESSIONS, [(1, impression()), (1, impression(kind="clicked", timestamp=timezone.now().isoformat()))])
    consume(IMPRESSIONS, 2)
    settings.SERVED_RECOMMENDATIONS_DAYS = 90
    [pruning] = tasks_of_consumer(IMPRESSIONS, CasinoStore(IMPRESSIONS, lambda _: None))
    assert isinstance(pruning, ImpressionPruning)
    pruning.step(timezone.now())
    assert [kind for _, kind in stored(casino_a)] == ["clicked"]


def test_dummies_are_impressions_of_stored_recommendations(casino_a, casino_b):
    with use_casino(casino_a.current):
        store_users([user_row(id="u")])
        store_recommendations([served_row(5)])
    with Sender() as sender:
        send_dummies(sender, "impressions", random.Random(1), timezone.now())
    assert sender.sent == 1
    assert consume(IMPRESSIONS, 1).counts == {(1, "stored"): 1}
    assert [slip for slip, _ in stored(casino_a)] == [UUID(int=5)]


def test_a_load_of_impressions_is_stored(casino_a):
    with use_casino(casino_a.current):
        store_recommendations([served_row(number) for number in range(1, 4)])
    call_command("produce_impressions", "--rate", "0", "--count", "30", "--casinos", "1", "--seed", "1")
    counts = consume(IMPRESSIONS, 30).counts
    assert set(counts) <= {(1, "stored"), (1, "duplicate"), (1, "updated")}
    assert sum(counts.values()) == 30

"""Served recommendations, from the request through Kafka to the casino's database. Rows are really committed."""

import itertools
from datetime import timedelta
from uuid import UUID

import pytest
from django.core.management import call_command
from django.utils import timezone

from ingestion.maintenance.pruning import ROWS_PER_STEP, ServedPruning
from ingestion.producers.publisher import publisher
from ingestion.status.parked import list_parked
from ingestion.storing.casino_store import CasinoStore
from ingestion.tests.stored_letters import stored_letters
from ingestion.topics import RECOMMENDATIONS, USERS
from recommendations.models import ServedSlip
from recommendations.storing import store_recommendations
from recommendations.tests.conftest import Caller
from recommendations.tests.factories import EventFactory, UserFactory, served_row
from tenants.routing.context import use_casino
from tenants.tests.waiting import require_quick

from .database_outages import database_unavailable
from .dead_letters.test_write import CASINO, produce
from .decoded_messages import body_of
from .kafka_client import closed_port, consume, in_second_group, send
from .manage_processes import IN_PROCESSES, run
from .producers.test_publisher import QUICK_SECONDS, dropped
from .sample_messages import served

pytestmark = pytest.mark.django_db(**IN_PROCESSES)

FOR_EVER = 36_500  # days; else the consumer deletes the stored rows between its batches


@pytest.fixture(autouse=True)
def _unlimited_retention(settings):
    settings.SERVED_RECOMMENDATIONS_DAYS = FOR_EVER


@pytest.fixture
def publishing(settings):
    """The process's own publisher, with a new producer for the test's broker."""
    settings.PUBLISH_RECOMMENDATIONS = True
    yield publisher
    publisher.close(0)


@pytest.fixture
def callers(casino_a, casino_b):
    """API clients of both casinos, which have the users 7 and 8 and some events."""
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            UserFactory.create(id=7)
            UserFactory.create(id=8, currency="GBP")
            EventFactory.create_batch(5, country=casino.name.upper())
    callers = Caller(casino_a), Caller(casino_b)
    for caller in callers:
        caller.configure("static")
    return callers


def slips(casino):
    with use_casino(casino.current):
        return list(ServedSlip.objects.order_by("timestamp", "id"))


def test_each_request_is_one_row_in_its_own_casinos_database(broker, publishing, callers, casino_a, casino_b):
    answers = [
        caller.get(f"/recommend/{user_id}").json()
        for caller, user_id in ((callers[0], 7), (callers[1], 8), (callers[0], 8))
    ]
    publishing.close(10)
    assert consume(RECOMMENDATIONS, 3).counts == {(1, "stored"): 2, (2, "stored"): 1}
    slips_a, slips_b = slips(casino_a), slips(casino_b)
    assert [(slip.user_id, slip.currency) for slip in slips_a] == [(7, "EUR"), (8, "GBP")]
    assert [(slip.user_id, slip.currency) for slip in slips_b] == [(8, "GBP")]
    for answer, slip in zip(answers, (slips_a[0], slips_b[0], slips_a[1]), strict=True):
        assert (slip.recommender, slip.asked_for, float(slip.stake)) == ("static", "static", answer["bet"])
        assert slip.timestamp.timestamp() == answer["time"]
        assert [event["odd"] for event in slip.events] == [event["odd"] for event in answer["events"]]


def test_served_events_are_stored_with_their_ids(broker, publishing, callers, casino_a):
    callers[0].get("/recommend/7")
    publishing.close(10)
    consume(RECOMMENDATIONS, 1)
    [slip] = slips(casino_a)
    with use_casino(casino_a.current):
        shown = EventFactory._meta.model.objects.in_bulk([event["event_id"] for event in slip.events])
    assert len(shown) == 3
    assert {event.country for event in shown.values()} == {"ALPHA"}


def test_response_has_the_same_event_fields_as_before(broker, publishing, callers):
    answer = callers[0].get("/recommend/7").json()
    assert list(answer["events"][0]) == ["country", "league", "home_team", "away_team", "sport", "odd"]


def test_without_a_broker_requests_are_as_fast_and_drops_are_counted(publishing, callers, settings):
    settings.KAFKA_BOOTSTRAP_SERVERS = closed_port()
    callers[0].get("/recommend/7")  # caches the offer
    before, requests = dropped("not_delivered"), itertools.count(1)

    def request_ten_times() -> None:
        for _ in itertools.islice(requests, 10):
            assert len(callers[0].get("/recommend/7").json()["events"]) == 3

    require_quick(request_ten_times, QUICK_SECONDS)
    publishing.close(0)
    assert dropped("not_delivered") == before + next(requests)


def test_consume_recommendations_stores_served_recommendations(broker, casino_a, callers):
    send(RECOMMENDATIONS, [(1, served())])
    status, out, error = run(
        "consume_recommendations", "--idle-exit", "2", LOG_LEVEL="ERROR", SERVED_RECOMMENDATIONS_DAYS=str(FOR_EVER)
    )
    assert (status, out, error) == (0, "recommendations: 1 stored\n", "")
    assert [slip.recommendation_id for slip in slips(casino_a)] == [UUID(served()["recommendation_id"])]


def test_message_sent_twice_is_one_row(broker, callers, casino_a):
    send(RECOMMENDATIONS, [(1, served()), (1, served())])
    assert consume(RECOMMENDATIONS, 2).counts == {(1, "stored"): 1, (1, "duplicate"): 1}
    assert consume(in_second_group(RECOMMENDATIONS), 2).counts == {(1, "duplicate"): 2}
    assert len(slips(casino_a)) == 1


def test_rejected_message_becomes_a_dead_letter_that_can_be_shown_and_purged(broker, callers, casino_a, capsys):
    bad = served(stake=-1)
    send(RECOMMENDATIONS, [(1, bad), (1, b"{"), (99, served()), (2, served())])
    assert consume(RECOMMENDATIONS, 4).counts == {
        (1, "out_of_range"): 1, (1, "malformed"): 1, (None, "unknown_casino"): 1, (2, "stored"): 1,
    }  # fmt: skip
    letters = stored_letters(topic="recommendations")
    assert {(letter.casino_id, letter.row.field) for letter in letters} == {(1, "stake"), (1, ""), (99, "casino_id")}
    [of_stake] = [letter for letter in letters if letter.row.field == "stake"]
    assert of_stake.message.value == body_of(bad)
    call_command("dead_letters", "purge", "--topic", "recommendations", "--yes")
    assert "3 dead letters purged." in capsys.readouterr().out
    assert stored_letters() == []


def test_messages_of_an_unavailable_database_are_parked_and_stored_later(broker, callers, casino_a, casino_b):
    send(RECOMMENDATIONS, [(1, served()), (2, served())])
    with database_unavailable(casino_b):
        assert consume(RECOMMENDATIONS, 2).counts == {(1, "stored"): 1, (2, "parked"): 1}
        assert [(each.topic, each.casino_id, each.count) for each in list_parked()] == [("recommendations", 2, 1)]
    call_command("parked", "drain", "--topic", "recommendations")
    assert len(slips(casino_b)) == 1


@pytest.mark.covered
def test_removing_a_user_removes_served_recommendations_and_later_ones_are_stale(broker, callers, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=9, timestamp="2025-06-01T00:00:00Z")
    send(RECOMMENDATIONS, [(1, served(user_id=9)), (1, served(recommendation_id=str(UUID(int=2))))])
    consume(RECOMMENDATIONS, 2)
    produce((None, b"9", [CASINO]), topic=USERS)
    assert consume(USERS, 1).counts == {(1, "removed"): 1}
    assert [slip.user_id for slip in slips(casino_a)] == [7]
    send(RECOMMENDATIONS, [(1, served(user_id=9, recommendation_id=str(UUID(int=3))))])
    assert consume(RECOMMENDATIONS, 1).counts == {(1, "stale"): 1}


def test_old_recommendations_are_pruned_in_every_casino_in_steps(broker, callers, casino_a, casino_b, settings):
    settings.SERVED_RECOMMENDATIONS_DAYS = 90
    old, young = (timezone.now() - timedelta(days=days) for days in (91, 89))
    for casino, count in ((casino_a, ROWS_PER_STEP + 1), (casino_b, 1)):
        with use_casino(casino.current):
            store_recommendations([served_row(number, timestamp=old) for number in range(count)])
            store_recommendations([served_row(count, timestamp=young)])
    pruning = ServedPruning(CasinoStore(RECOMMENDATIONS, lambda _: None))
    pruning.step(timezone.now())
    assert (len(slips(casino_a)), len(slips(casino_b))) == (2, 1)
    pruning.step(timezone.now())
    assert [slip.timestamp for slip in slips(casino_a)] == [slip.timestamp for slip in slips(casino_b)] == [young]


def test_consumer_prunes_between_its_batches(broker, callers, casino_a, settings):
    settings.SERVED_RECOMMENDATIONS_DAYS = 90
    with use_casino(casino_a.current):
        store_recommendations([served_row(1, timestamp=timezone.now() - timedelta(days=91))])
    send(RECOMMENDATIONS, [(1, served(timestamp=timezone.now().isoformat()))])
    consume(RECOMMENDATIONS, 1)
    assert [slip.recommendation_id for slip in slips(casino_a)] == [UUID(served()["recommendation_id"])]

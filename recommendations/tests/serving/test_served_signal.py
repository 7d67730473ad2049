"""The signal `recommendation_served`: its receivers get each recommendation, with the request's casino."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from msgspec import UNSET

from recommendations.errors import IdNotOfType
from recommendations.models import User
from recommendations.services import configure, recommend_mapped, send_served
from recommendations.serving.recommendation import Recommendation, recommendation_served
from recommendations.serving.request_filters import NO_FILTERS, RequestFilters
from recommendations.storing import store_users
from recommendations.tests.factories import EventFactory, UserFactory, user_row
from tenants.errors import NoCurrentCasino
from tenants.routing.context import use_casino

EXAMPLE = Recommendation(
    recommendation_id=UUID(int=1),
    user_id=31,
    own_id=31,
    stake=Decimal("25.51"),
    currency="EUR",
    timestamp=datetime(2026, 6, 1, tzinfo=UTC),
    expires_at=datetime(2026, 6, 1, 1, tzinfo=UTC),
    recommender="inference",
    fallback_step=0,
    model_version="",
    confidence=0.5,
    refusal="",
    recommended_events=(),
    total_odds=Decimal(0),
    potential_return=Decimal("0.00"),
)


@pytest.fixture(autouse=True)
def _only_receivers_of_the_test() -> Iterator[None]:
    before = recommendation_served.receivers[:]
    recommendation_served.receivers.clear()
    yield
    recommendation_served.receivers[:] = before


@pytest.fixture
def received():
    sent = []

    def receive(casino_id, served, **signal):
        sent.append((casino_id, served))

    recommendation_served.connect(receive, weak=False)
    recommendation_served.connect(receive, weak=False)  # which changes nothing
    return sent


def recommend(casino, now, *user_ids, recommender="static", filters=NO_FILTERS):
    schema = {
        "recommendation_id": "string", "stake": "string", "user_id": "int",
        "events": {"type": "list", "source_field": "recommended_events", "fields": {"id": "int", "odd": "string"}},
    }  # fmt: skip
    configure(casino=casino, recommender_type=recommender, recommendation_schema=schema, now=now)
    return recommend_mapped(casino=casino, user_ids=user_ids, now=now, filters=filters)


def fill(casino):
    with use_casino(casino.current):
        UserFactory.create(id=31, currency="GBP")
        EventFactory.create_batch(5)


def test_each_recommendation_is_sent_once_with_its_own_casino(casino_a, casino_b, received, now):
    for casino in (casino_a, casino_b):
        fill(casino)
        with use_casino(casino.current):
            recommend(casino, now, 31)
    assert [casino_id for casino_id, _ in received] == [1, 2]


def test_a_placement_is_sent_and_changes_nothing_of_the_slip(casino_a, received, now):
    fill(casino_a)
    with use_casino(casino_a.current):
        placed, plain = (
            recommend(casino_a, now, 31, filters=filters)[31]
            for filters in (RequestFilters(placement="home"), NO_FILTERS)
        )
    assert placed | {"recommendation_id": ""} == plain | {"recommendation_id": ""}
    messages = [msgspec.json.decode(msgspec.json.encode(served)) for _, served in received]
    assert [message.get("placement") for message in messages] == ["home", None]
    assert "placement" not in messages[1]  # a message without one is as ever


def test_the_served_recommendation_equals_the_recommendation(casino_a, received, now):
    fill(casino_a)
    with use_casino(casino_a.current):
        answer = recommend(casino_a, now, 31, recommender="dynamic")[31]
    [(_, served)] = received
    assert (str(served.recommendation_id), served.user_id, served.timestamp) == (answer["recommendation_id"], 31, now)
    assert (served.recommender, served.asked_for) == ("dynamic", "dynamic")
    assert (served.stake, served.currency) == (Decimal(answer["stake"]), "GBP")
    assert 0 < served.took_ms < 60_000
    assert [(event.event_id, event.odd) for event in served.events] == [
        (event["id"], Decimal(event["odd"])) for event in answer["events"]
    ]


def test_an_answer_without_events_is_sent_too(casino_a, received, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=31)
        recommend(casino_a, now, 31)
    [(_, served)] = received
    assert (served.events, served.stake, served.refusal, served.recommender) == ((), 0, UNSET, "static")


def test_of_a_refused_user_only_the_refusal_is_sent(casino_a, received, now):
    fill(casino_a)
    with use_casino(casino_a.current):
        User.objects.update(status="CLOSED")
        recommend(casino_a, now, 31)
    [(_, served)] = received
    assert (served.user_id, served.refusal, served.events) == (31, "closed", ())
    assert (served.stake, served.currency, served.took_ms, served.model_version) == (0, "", None, "")


def test_nothing_is_sent_for_an_unknown_user(casino_a, received, now):
    with use_casino(casino_a.current):
        assert recommend(casino_a, now, 31) == {}
    assert received == []


def test_nothing_is_sent_of_a_user_who_gets_an_error(casino_a, received, now):
    fill(casino_a)
    with use_casino(casino_a.current):
        recommend(casino_a, now, 31)
        received.clear()
        store_users([user_row(id="007")])
        answers = recommend_mapped(casino=casino_a, user_ids=["007", 31], now=now)
    assert isinstance(answers["007"], IdNotOfType)
    assert [served.user_id for _, served in received] == [31]


def test_without_receivers_nothing_happens():
    send_served(EXAMPLE, asked_for="inference")


def test_without_a_current_casino_nothing_is_sent(received):
    with pytest.raises(NoCurrentCasino):
        send_served(EXAMPLE, asked_for="inference")


def test_a_failing_receiver_fails_neither_the_request_nor_the_other_receivers(casino_a, caplog, now):
    def fail(**signal):
        raise ValueError("broken")

    called_with = []
    recommendation_served.connect(fail, weak=False)
    recommendation_served.connect(lambda casino_id, **signal: called_with.append(casino_id), weak=False)
    fill(casino_a)
    with use_casino(casino_a.current):
        assert len(recommend(casino_a, now, 31)[31]["events"]) == 3
    assert called_with == [1]
    assert "ValueError: broken" in caplog.text

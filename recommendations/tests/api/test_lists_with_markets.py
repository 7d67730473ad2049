"""The endpoints beside `/recommend` choose outcomes by the gate of prices, as `/recommend` does."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client

from recommendations.models import Market
from recommendations.tests.factories import EventFactory, UserFactory
from recommendations.tests.prices.market_rows import heard, market, producer
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.usefixtures("each_path"), pytest.mark.slow]

NAMES = ("event_id", "market", "line", "outcome", "odd")
TYPES = {"event_id": "int", "odd": "float"}
SCHEMA = {
    "events": {
        "type": "list",
        "source_field": "recommended_events",
        "fields": {name: TYPES.get(name, "string") for name in NAMES},
    }
}
POSTED = {"/recommend/31/next": "selections", "/recommend/session": "viewed"}


@pytest.fixture
def casino(casino_a, casino_b):
    """Events 1 to 4 with markets and without an odd in casino A; event 900000, of which no price may be shown."""
    for each in (casino_b, casino_a):
        with use_casino(each.current):
            UserFactory.create(id=31)
            later = datetime.now(UTC) + timedelta(days=9)
            EventFactory.create(id=900_000, odd=90, begin_timestamp=later)
    with use_casino(casino_b.current):
        event = EventFactory.create(id=800)
        market(event.pk, {"OF CASINO B": 7.0}, name="OF CASINO B")
    with use_casino(casino_a.current):
        unpriced = {"odd": None, "is_withheld": True, "lacks_odd": True}
        EventFactory.create_each({"id": number, **unpriced} for number in range(1, 5))
        for number in range(1, 5):
            market(number, {"HOME": 1.5 + number / 10, "AWAY": 0})
        yield casino_a


@pytest.fixture(params=[*POSTED, "/events/900000/similar", "/popular"])
def shown(request, casino):
    """Asks the endpoint, and returns the event, market, line, outcome and odd of each event."""

    def shown(*, options: Any = None, explain: bool = False, **filters: Any) -> Any:
        configuration: dict[str, Any] = {"recommender_type": "static", "recommendation_schema": SCHEMA}
        configuration["options"] = {"max_odd": 80} | (options or {})
        send: dict[str, Any] = {"content_type": "application/json", "headers": {"Casino-ID": "1"}}
        assert Client().post("/config", configuration, **send).status_code == 200
        filters |= {"limit": 20, "explain": int(explain)}
        if request.param in POSTED:
            answer = Client().post(request.param, {POSTED[request.param]: [], **filters}, **send)
        else:
            answer = Client().get(request.param, filters, headers={"Casino-ID": "1"})
        assert answer.status_code == 200, answer.content
        found = sorted(tuple(event[name] for name in NAMES) for event in answer.json()["events"])
        return answer.json()["explanation"] if explain else found

    return shown


@pytest.mark.covered
def test_each_event_is_shown_with_its_open_outcome(shown):
    assert shown() == [(number, "1X2", "", "HOME", 1.5 + number / 10) for number in range(1, 5)]


@pytest.mark.covered
def test_no_closed_suspended_or_unrequested_price_is_shown(shown):
    Market.objects.filter(event_id=1).update(status="suspended")
    Market.objects.filter(event_id=2).update(odds=[0, 0])
    Market.objects.filter(event_id=3).update(odds=[90_000, 0])
    assert [event_id for event_id, *_ in shown()] == [4]
    assert shown(market="TOTALS") == []
    market(4, {"OVER": 2.0}, name="TOTALS", line="2.5")
    assert shown(market="TOTALS") == [(4, "TOTALS", "2.5", "OVER", 2.0)]
    assert shown(options={"blocked": {"markets": ["1X2", "TOTALS"]}}) == []


@pytest.mark.covered
def test_no_price_of_a_silent_feed_is_shown_and_the_reason_is_given(shown):
    heard(seconds_ago=60)
    assert shown() == []
    assert {each["reason"] for each in shown(explain=True)["passed_over"]} == {"feed_silent"}
    producer(is_down=True)
    assert shown() == []
    assert {each["reason"] for each in shown(explain=True)["passed_over"]} == {"feed_closed"}


@pytest.mark.covered
def test_a_warm_process_asks_the_casino_once(shown, settings, django_assert_num_queries):
    for _ in range(3):
        shown()
    settings.CATALOGUE_LEASE_SECONDS = 60
    config = 1  # whether ids fit the schema's types
    with (
        django_assert_num_queries(1 + config, connection=connections["casino_1"]),
        django_assert_num_queries(0, connection=connections["casino_2"]),
    ):
        shown()


@pytest.mark.covered
def test_the_markets_of_a_slip_count_in_their_cap(casino, caller_a):
    market(2, {"OVER": 2.0}, name="TOTALS", line="2.5")
    body = {"recommender_type": "static", "recommendation_schema": SCHEMA, "options": {"max_per_market": 1}}
    assert caller_a.post("/config", body).status_code == 200
    for path in POSTED:
        bet_on = [{"event_id": 1, "market": "1x2", "outcome": "HOME"}]
        answer = caller_a.post(path, {"selections": bet_on, "limit": 20, "max_odd": 80}).json()
        assert [(event["event_id"], event["market"]) for event in answer["events"]] == [(2, "TOTALS")]
        answer = caller_a.post(path, {"selections": [{"event_id": 1}], "limit": 20, "max_odd": 80}).json()
        assert [event["market"] for event in answer["events"]] == ["1X2"], "a selection without a market fills none"


def test_what_a_session_bets_on_decides_between_outcomes(casino, caller_a):
    for event in (1, 2):
        market(event, {"OVER": 1.6, "UNDER": 1.6}, name="TOTALS", line="2.5")
    body = {"recommender_type": "static", "recommendation_schema": SCHEMA}
    assert caller_a.post("/config", body).status_code == 200
    for outcome in ("OVER", "UNDER"):
        bet_on = [{"event_id": number, "market": "totals", "line": 2.5, "outcome": outcome} for number in (3, 4)]
        sent = {"selections": bet_on, "limit": 1, "exclude": [1], "max_odd": 80}
        [event] = caller_a.post("/recommend/session", sent).json()["events"]
        assert (event["event_id"], event["market"], event["outcome"]) == (2, "TOTALS", outcome)


def test_a_batch_whose_explanations_may_list_hundreds_of_events_is_refused_by_its_size(casino):
    configuration = {"recommender_type": "static", "recommendation_schema": SCHEMA}
    send: dict[str, Any] = {"content_type": "application/json", "headers": {"Casino-ID": "1"}}
    assert Client().post("/config", configuration, **send).status_code == 200
    assert Client().get("/recommend/31", headers={"Casino-ID": "1"}).status_code == 200
    answer = Client().post("/recommend", {"user_ids": [*range(1, 501)], "explain": True}, **send)
    assert answer.status_code == 400
    assert "list at most" in answer.json()["error"]

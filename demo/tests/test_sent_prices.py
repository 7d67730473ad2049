"""The demo's checks of recommended prices against the messages that were sent."""

from datetime import UTC, datetime, timedelta

import pytest

from demo.errors import DemoFailed
from demo.sent_prices import SentPrices, wait_until_prices_move
from demo.web_server import CheckedResponse
from tenants.models import Casino

PRICED = datetime(2027, 3, 3, 14, 30, tzinfo=UTC)
BET = {
    "event_id": 7, "market": "TOTALS", "line": "2.5", "outcome": "OVER", "odd": 1.91, "priced_at": PRICED.isoformat(),
}  # fmt: skip


def prices(over=1.91, at=PRICED, **changes):
    outcomes = [{"outcome": "OVER", "odd": over}, {"outcome": "UNDER", "odd": 1.95}]
    market = {"market": "TOTALS", "line": "2.5", "outcomes": outcomes} | changes
    return {"event_id": 7, "timestamp": at.isoformat(), "markets": [market]}


def stop(at):
    return {"event_id": 7, "timestamp": at.isoformat(), "stop": True}


def answer(asked_at=PRICED + timedelta(minutes=1), **changes):
    return CheckedResponse(Casino(pk=3, name="Cascade"), 1, {}, [BET | changes], asked_at)


def check(response, *messages):
    SentPrices([{"producer": "DUMMY", "heartbeat": True}, *messages]).check(response)


def test_the_price_that_was_sent_last_is_right():
    check(answer(), prices(over=2.5, at=PRICED - timedelta(minutes=1)), stop(PRICED - timedelta(seconds=1)), prices())


def test_a_price_in_an_events_message_is_a_price():
    check(answer(), {"id": 7, "sport": "FOOTBALL"} | {k: v for k, v in prices().items() if k != "event_id"})


@pytest.mark.parametrize("changes", [{"market": ""}, {"outcome": ""}])
def test_a_bet_without_a_name_is_noticed(changes):
    with pytest.raises(DemoFailed, match=r"Cascade .*without a name"):
        check(answer(**changes), prices())


@pytest.mark.parametrize(
    "message",
    [prices(over=2.0), prices(at=PRICED + timedelta(seconds=1)), prices(status="suspended"), prices(line="3")],
)
def test_a_price_that_was_not_sent_is_noticed(message):
    with pytest.raises(DemoFailed, match="a price that was not sent"):
        check(answer(), message)


@pytest.mark.parametrize("message", [stop(PRICED + timedelta(seconds=5)), prices(2.0, PRICED + timedelta(seconds=5))])
def test_a_price_that_should_have_been_closed_is_noticed_once_it_must_have_been_read(message):
    check(answer(PRICED + timedelta(seconds=14)), prices(), message)
    with pytest.raises(DemoFailed, match="closed or changed since"):
        check(answer(PRICED + timedelta(seconds=16)), prices(), message)


def test_prices_have_moved_when_the_same_bet_has_another_price():
    answers = iter([answer(), answer(line="3.5", odd=3.0), answer(odd=1.95)])
    [moved] = wait_until_prices_move([answer()], lambda _: next(answers))
    assert moved.events[0]["odd"] == 1.95

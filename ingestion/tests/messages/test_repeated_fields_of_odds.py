"""A field of a market or of a message of `odds` that is repeated, or has another case: different values close."""

import json
from itertools import permutations
from typing import Any

import pytest

from ingestion.messages.decoding import Rejection
from ingestion.tests.closing_messages import event
from ingestion.tests.decoded_messages import decoded_message
from ingestion.topics import EVENTS, ODDS
from recommendations.validation.markets import Closing, OddsRow, scope_of
from recommendations.validation.rows import EventRow

OVER, UNDER = '{"outcome": "OVER", "odd": 2.05}', '{"outcome": "UNDER", "odd": 1.78}'
WINNER = '{"market": "1X2", "outcomes": [{"outcome": "HOME", "odd": 3}]}'
ALL, LINE = {Closing("")}, {Closing(scope_of("TOTALS", "2.5"))}


def totals(*, name='"market": "TOTALS"', line='"line": 2.5', outcomes=f'"outcomes": [{OVER}, {UNDER}]'):
    return f"{{{name}, {line}, {outcomes}}}"


def over(*pairs):
    return totals(outcomes=f'"outcomes": [{{"outcome": "OVER", {", ".join(pairs)}}}, {UNDER}]')


def message(*markets, more=""):
    return f'{{"event_id": 7, "producer": "LIVE", "markets": [{", ".join((*markets, WINNER))}]{more}}}'.encode()


def odds(value: bytes, **changes: Any) -> Any:
    return decoded_message(ODDS, value, **changes).content


def prices(row: OddsRow) -> dict[str, dict[str, int]]:
    return {each.market: dict(zip(each.outcomes, each.odds, strict=True)) for each in row.markets}


def both_orders(make, one, other):
    return [odds(message(make(*pairs))) for pairs in permutations((one, other))]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('"odd": 2.05', '"odd": null'), ('"odd": 2.05', '"odd": 3'), ('"odd": 2.05', '"ODD": 0'),
        ('"odd": 2', '"o\\u0064d": 3'), ('"odd": 2, "status": "open"', '"status": "suspended"'),
        ('"status": "open"', '"odd": 2, "Status": "settled"'),
    ],
)  # fmt: skip
def test_an_outcome_that_is_sent_differently_is_closed(one, other):
    for row in both_orders(over, one, other):
        assert prices(row) == {"TOTALS": {"OVER": 0, "UNDER": 1780}, "1X2": {"HOME": 3000}}
        assert not row.closings


@pytest.mark.parametrize(
    ("markets", "closings"),
    [
        ([totals(outcomes=f'"outcomes": [{OVER}], "outcomes": [{UNDER}]')], LINE),
        ([over('"odd": 2', '"outcome": "UNDER"')], LINE),
        ([totals(line='"line": 2.5, "line": 3.5')], ALL),
        ([totals(line='"line": 2.5, "Line": 3.5')], ALL),
        ([totals(name='"market": "TOTALS", "market": "CARDS"')], ALL),
    ],
)
def test_a_market_that_is_sent_differently_is_closed_whole(markets, closings):
    row = odds(message(*markets))
    assert set(row.closings) == closings
    assert "TOTALS" not in prices(row)
    assert row.unread.field.startswith("markets[0]")


def test_a_market_with_two_statuses_is_suspended():
    for status in permutations(['"open"', '"settled"']):
        row = odds(message(totals(line='"line": 2.5, "status": {}, "status": {}'.format(*status))))
        assert row.markets[0].status == "suspended"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        (', "event_id": 8', "event_id"), (', "producer": "PREMATCH"', "producer"),
        (', "timestamp": 1, "timestamp": 2', "timestamp"),
        (f', "markets": [{WINNER}, {WINNER}]', "markets"), (', "stop": false, "stop": true', "stop"),
        (', "stop": ["A"], "STOP": ["B"]', "stop"),
        (', "odd_format": "decimal", "odd_format": "hongkong"', "odd_format"),
    ],
)  # fmt: skip
def test_a_message_that_says_two_things_is_rejected_and_closes_its_events(more, field):
    content = odds(message(totals(), more=more))
    assert isinstance(content, Rejection)
    assert (content.code, content.field) == ("inconsistent", field)
    events = {7, 8} if field == "event_id" else {7}
    assert {row.id for row in content.closed_odds} == events
    assert {closing for row in content.closed_odds for closing in row.closings} == ALL


@pytest.mark.parametrize("order", list(permutations(["up", "down", "alive"])))
def test_a_producer_that_says_up_and_down_is_down(order):
    statuses = ", ".join(f'"status": "{each}"' for each in order)
    row = odds(f'{{"producer": "LIVE", {statuses}}}'.encode())
    assert row.heard.is_down


def test_an_unknown_status_beside_up_is_rejected():
    for order in permutations(["up", "tired"]):
        content = odds('{{"producer": "LIVE", "status": "{}", "status": "{}"}}'.format(*order).encode())
        assert (content.code, content.field) == ("unknown_value", "status")


def test_of_two_heartbeats_the_incomplete_one_counts():
    for order in permutations(["true", '{"complete": false}']):
        row = odds('{{"producer": "LIVE", "heartbeat": {}, "heartbeat": {}}}'.format(*order).encode())
        assert row.heard.is_heartbeat
        assert row.heard.loses_prices


def test_a_field_that_occurs_more_than_once_with_one_value_counts():
    for value in (
        message(totals(line='"line": 2.5, "line": 2.5'), more=', "event_id": 7, "PRODUCER": "LIVE"'),
        message(totals(name='"Market": "TOTALS"')),
    ):
        assert odds(value) == odds(message(totals())) or prices(odds(value)) == prices(odds(message(totals())))
        assert prices(odds(value)) == {"TOTALS": {"OVER": 2050, "UNDER": 1780}, "1X2": {"HOME": 3000}}


def test_names_in_values_and_fields_of_others_change_nothing():
    outcomes = '{"outcome": "odd", "odd": 2, "status": "open", "name": "Odd"}, {"outcome": "ev\\u00e9n", "odd": 2}'
    row = odds(message(totals(outcomes=f'"outcomes": [{outcomes}]', line='"line": null')))
    assert prices(row)["TOTALS"] == {"ODD": 2000, "EVÉN": 2000}


@pytest.mark.parametrize(
    ("value", "key", "events"),
    [
        (b'{"event_id": 7, "producer": "LIVE", "mark', None, {7}), (b'{"event_id": 7, "producer": "LI', b"8", {7, 8}),
        (b'{"producer": "LIVE", "event_id": 7', b"71", {71}), (b'{"producer": "LIVE", "event_id": 7', None, {None}),
        (b'{"event_id": [7], "producer": 5}', b"9", {9}),
        (b'{"event_id": "sr:match:1", "producer": {}}', b"9", {"sr:match:1"}),
    ],
)  # fmt: skip
def test_a_damaged_message_closes_each_event_that_it_may_be_about(value, key, events):
    assert {row.id for row in odds(value, key=key).closed_odds} == events


@pytest.mark.parametrize(("one", "other"), [('"odd": 2.05', '"odd": null'), ('"odd": 2', '"status": "x", "Odd": 2')])
def test_the_markets_of_an_event_close_in_the_same_way(one, other):
    for pairs in permutations((one, other)):
        text = json.dumps(event(1, producer="LIVE")).removesuffix("}") + f', "markets": [{over(*pairs)}]}}'
        row = decoded_message(EVENTS, text.encode()).content
        assert isinstance(row, EventRow)
        assert isinstance(row.markets, OddsRow)
        assert prices(row.markets) == {"TOTALS": {"OVER": 0, "UNDER": 1780}}

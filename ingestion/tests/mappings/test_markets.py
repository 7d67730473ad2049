"""Lists in lists: markets and outcomes of nested and flat documents, and their unreadable parts."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.mappings.apply import map_document
from ingestion.mappings.reading import read_mapped
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.reading import Several, SingleContent
from ingestion.tests.decoded_messages import envelope_of
from ingestion.tests.kafka_client import NOW
from ingestion.topics import EVENTS, ODDS
from recommendations.validation.markets import ALL_MARKETS, Closing, MarketRow, OddsRow, scope_of

from .mapping_of import mapped, mapping_of

pytestmark = pytest.mark.covered

NESTED = mapping_of(
    """
    messages: odds
    each: matches
    ignore: [ping]
    fields:
      event_id: no
      producer: by
      markets:
        each: [groups, group]
        default: []
        fields:
          market: name
          status: {from: state, then: {codes: {"1": open, "-1": suspended}}, default: closed}
          outcomes:
            each: prices
            fields: {outcome: label, line: at, market: who, odd: price}
    """
)
OVER, UNDER = {"label": "OVER", "at": 2.5, "price": 2}, {"label": "UNDER", "at": "2.50", "price": 1.8}
GROUP: dict[str, Any] = {"name": "TOTALS", "state": 1, "prices": [OVER, UNDER]}


def match(*groups: Any, **changes: Any) -> dict[str, Any]:
    return {"no": 7, "by": "LIVE", "groups": list(groups)} | changes


def contents(*matches: Any) -> list[SingleContent]:
    raw = msgspec.json.encode({"matches": list(matches)})
    content = read_mapped(NESTED, ODDS, envelope_of(ODDS, raw), TimeBounds.at(NOW))
    return list(content.contents) if isinstance(content, Several) else [content]


def read(*groups: Any, **changes: Any) -> OddsRow:
    [content] = contents(match(*groups, **changes))
    assert isinstance(content, OddsRow)
    return content


def problem(row: OddsRow) -> str:
    return "" if row.unread is None else row.unread.detail


TOTALS = MarketRow("TOTALS", "2.5", "open", ("OVER", "UNDER"), (2_000, 1_800))


def test_outcomes_of_one_line_are_one_market_however_the_line_is_written():
    row = read(GROUP)
    assert (row.markets, row.closings, row.unread) == ((TOTALS,), (), None)


def test_outcomes_of_several_lines_are_several_markets():
    row = read(GROUP | {"prices": [OVER, UNDER | {"at": 3}, OVER | {"at": None}, OVER | {"at": ""} | {"label": "X"}]})
    assert [(each.line, each.outcomes) for each in row.markets] == [
        ("2.5", ("OVER",)), ("3", ("UNDER",)), ("", ("OVER", "X")),
    ]  # fmt: skip


def test_an_outcome_may_tell_what_else_distinguishes_its_market():
    row = read(GROUP | {"prices": [OVER | {"who": "A"}, UNDER | {"who": "A"}, OVER | {"who": "B"}, OVER | {"who": ""}]})
    assert [(each.market, each.outcomes) for each in row.markets] == [
        ("TOTALS|A", ("OVER", "UNDER")), ("TOTALS|B", ("OVER",)), ("TOTALS", ("OVER",)),
    ]  # fmt: skip


def test_the_first_path_that_exists_has_the_items():
    [message] = mapped(NESTED, {"matches": [{"no": 7, "group": GROUP}]})
    assert [each["market"] for each in message["markets"]] == ["TOTALS"]
    [message] = mapped(NESTED, {"matches": [{"no": 7, "groups": [], "group": GROUP}]})
    assert message["markets"] == []


def test_a_list_that_is_not_found_is_left_out_or_empty():
    assert mapped(NESTED, {"matches": [{"no": 7}]}) == [{"event_id": 7, "markets": []}]
    without = mapping_of("messages: odds\nfields: {markets: {each: x, fields: {market: y}}, event_id: no}\n")
    assert mapped(without, {"no": 7}) == [{"event_id": 7}]


@pytest.mark.parametrize("value", [None, [], {"a": 1}, 0])
def test_a_document_to_ignore_makes_no_message(value):
    assert mapped(NESTED, {"ping": value, "matches": [match(GROUP)]}) == []
    content = read_mapped(NESTED, ODDS, envelope_of(ODDS, b'{"ping": 1}'), TimeBounds.at(NOW))
    assert content == Several(())


def test_a_document_may_have_the_odds_of_several_events():
    found = contents(match(GROUP), match(GROUP, no=8), match(GROUP, no=None))
    assert [each.id for each in found[:2] if isinstance(each, OddsRow)] == [7, 8]
    assert isinstance(found[2], Rejection)
    assert (found[2].code, found[2].field) == ("missing", "event_id")


def test_an_object_is_left_out_without_its_fields():
    mapping = mapping_of("messages: odds\nfields: {producer: by, heartbeat: {fields: {complete: ok}}}\n")
    assert mapped(mapping, {"by": "A", "ok": False}) == [{"producer": "A", "heartbeat": {"complete": False}}]
    assert mapped(mapping, {"by": "A"}) == [{"producer": "A"}]


TOTALS_CLOSED = (Closing(scope_of("TOTALS", "2.5")),)
OTHER = GROUP | {"name": "CORNERS"}
CLOSED_ALONE: list[tuple[dict[str, Any], str]] = [
    ({"state": 5}, "markets[0].status: the value is none of the codes of codes"),
    ({"state": {}}, "markets[0].status: the value is an object, not text"),
    (
        {"state": [1, 1]},
        "markets[0].status: the value is one of 2 found: choose with first, lowest, join or a narrower",
    ),
    ({"prices": [OVER | {"label": None}, UNDER]}, "markets[0].outcomes[0].outcome: Expected"),
    ({"prices": [OVER | {"label": {}}, UNDER]}, "markets[0].outcomes[0].outcome: the value is an object"),
    ({"prices": [OVER, OVER]}, "markets[0].outcomes: outcomes lists an outcome more than once"),
    ({"prices": [OVER, "UNDER"]}, "markets[0]"),
]


@pytest.mark.parametrize(("changes", "expected"), CLOSED_ALONE)
def test_a_market_that_can_not_be_read_closes_alone_and_its_place_is_reported(changes, expected):
    row = read(GROUP | changes, OTHER)
    assert [each.market for each in row.markets] == ["CORNERS"]
    assert {each.scope for each in row.closings} <= {scope_of("TOTALS", "2.5"), scope_of("TOTALS", "")}
    assert problem(row).startswith(expected), problem(row)


@pytest.mark.parametrize(
    "changes",
    [{"name": None}, {"name": {}}, {"name": ""}, {"prices": [OVER | {"at": {}}]}, {"prices": [OVER | {"who": []}]}],
)
def test_a_market_of_unknown_name_or_line_closes_all_of_the_event(changes):
    row = read(OTHER, GROUP | changes)
    if changes == {"prices": [OVER | {"who": []}]}:  # an empty list is none
        assert [each.market for each in row.markets] == ["CORNERS", "TOTALS"]
        return
    assert (row.markets, row.closings) == ((), (Closing(ALL_MARKETS),))
    assert "markets[1]" in problem(row)


@pytest.mark.parametrize("price", [{}, [1, 2], "two", "1.5.2", True])
def test_a_price_that_can_not_be_read_closes_its_outcome(price):
    row = read(GROUP | {"prices": [OVER | {"price": price}, UNDER]})
    assert row.markets[0].odds == (0, 1_800)
    assert problem(row).startswith("markets[0].outcomes[0].odd")


def test_a_market_line_that_is_there_twice_is_closed():
    row = read(GROUP, OTHER, GROUP | {"prices": [OVER]})
    assert row.closings == TOTALS_CLOSED
    assert problem(row).startswith("markets[2].market: market occurs more than once with this line")


def test_more_markets_than_a_message_may_have_are_all_closed():
    many = [GROUP | {"name": f"M{number}"} for number in range(2_001)]
    row = read(*many)
    assert (row.markets, row.closings) == ((), (Closing(ALL_MARKETS),))
    assert problem(row) == "markets: the value is a list of more than 2000"
    assert len(read(*many[:2_000]).markets) == 2_000


def test_more_lines_than_a_message_may_have_are_all_closed():
    lines = [OVER | {"at": number} for number in range(1_000)]
    row = read(*[GROUP | {"name": f"M{number}", "prices": lines} for number in range(3)])
    assert (row.markets, row.closings) == ((), (Closing(ALL_MARKETS),))
    assert problem(row) == "markets: markets lists 3000; must list at most 2000"


@pytest.mark.parametrize("groups", [7, "x", [7], [None], [[GROUP]]])
def test_a_list_of_something_else_closes_all(groups):
    row = read(groups=groups)
    assert (row.markets, row.closings) == ((), (Closing(ALL_MARKETS),))


def test_markets_of_an_event_are_reported_with_the_place_too():
    mapping = mapping_of(
        """
        messages: events
        fields: {id: no, producer: by, markets: {each: groups, fields: {market: name, outcomes: {each: prices, fields: {
          outcome: label, odd: {from: price, then: negate}}}}}}
        """
    )
    raw = msgspec.json.encode(match(GROUP | {"prices": [OVER | {"price": "x"}]}))
    content: Any = read_mapped(mapping, EVENTS, envelope_of(EVENTS, raw), TimeBounds.at(NOW))
    assert content.change.markets.unread.detail == "markets[0].outcomes[0].odd: the value is no number such as 2.50"


VALUES = st.none() | st.booleans() | st.sampled_from([0, 1, -1, 2.5, "2.50", "1", "", "x", {}, [], [1, 2]])
PRICES = st.fixed_dictionaries({}, optional=dict.fromkeys(("label", "at", "who", "price"), VALUES)) | VALUES
GROUPS = st.fixed_dictionaries({}, optional={"name": VALUES, "state": VALUES, "prices": st.lists(PRICES) | VALUES})


@given(st.lists(GROUPS | VALUES, max_size=6) | VALUES)
def test_open_outcomes_were_sent_with_a_status_and_a_price(groups):
    """And each market line is either there, once, or closed with all others."""
    raw = msgspec.json.encode({"matches": [match(groups=groups)]})
    [message] = map_document(NESTED, raw)
    row = read(groups=groups)
    opened = [each for each in row.markets if each.status == "open" and any(each.odds)]
    stated = [each for each in groups if isinstance(each, dict)] if isinstance(groups, list) else []
    assert not opened or any(each.get("state") in (1, "1") for each in stated)
    assert all(odd in (0, 2_500, 2_000, 1_000) or odd > 1_000 for each in opened for odd in each.odds)
    assert row.unread is not None or not message.problems

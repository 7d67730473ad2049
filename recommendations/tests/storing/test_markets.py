"""Storing prices: the newest of each market line, closed by what closes it, in any order of messages."""

from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from django.db import IntegrityError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recommendations.models import Market, MarketLine, PriceVersion
from recommendations.storing import prune_markets, store_odds
from recommendations.tests.factories import EventFactory, at
from recommendations.validation.markets import Closing, OddsRow, market_row, scope_of
from tenants.routing.connections import casino_atomic, casino_connection, execute, query
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

OPEN = (("HOME", 1850), ("DRAW", 3600), ("AWAY", 4400))
ROWS = """
SELECT event_id, market, line, outcomes, odds, producers.name, status, as_of
FROM markets JOIN market_lines ON market_lines.id = line_id JOIN producers ON producers.code = producer
"""


def market(name="1X2", line="", outcomes=OPEN, status="open"):
    return market_row(name, line, status, outcomes)


def totals(line="2.5", over=1910, under=1950, status="open"):
    return market("TOTALS", line, (("OVER", over), ("UNDER", under)), status)


def odds(*markets, event=7, minute=0, producer="LIVE", **values):
    return OddsRow(id=event, producer=producer, timestamp=at(minute), markets=markets, **values)


def stop(minute, *scopes, event=7, producer="LIVE"):
    closings = tuple(Closing(scope) for scope in scopes or ("",))
    return OddsRow(id=event, producer=producer, timestamp=at(minute), closings=closings)


def stored():
    """(event, market, line) -> odds by outcome, producer, status."""
    return {
        (event, name, line): (dict(zip(outcomes, prices, strict=True)), producer, status)
        for event, name, line, outcomes, prices, producer, status, _ in query(ROWS)
    }


def results(*rows):
    return [outcome.result.value for outcome in store_odds(rows)]


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def test_a_market_line_is_one_row_with_the_odds_of_its_outcomes():
    assert results(odds(market(), totals())) == ["stored"]
    assert stored() == {
        (7, "1X2", ""): (dict(OPEN), "LIVE", "open"),
        (7, "TOTALS", "2.5"): ({"OVER": 1910, "UNDER": 1950}, "LIVE", "open"),
    }


def test_the_newest_price_wins_and_of_equal_times_the_last():
    assert results(odds(totals(over=2000), minute=5), odds(totals(over=1500), minute=4)) == ["stored", "stale"]
    assert results(odds(totals(over=1600), minute=4)) == ["stale"]
    assert stored()[7, "TOTALS", "2.5"][0]["OVER"] == 2000
    assert results(odds(totals(over=1700), minute=5), odds(totals(over=1800), minute=5)) == ["stored", "stored"]
    assert stored()[7, "TOTALS", "2.5"][0]["OVER"] == 1800


def test_messages_of_one_call_have_the_results_of_messages_one_by_one():
    rows = [odds(totals(over=over), minute=minute) for over, minute in ((1500, 3), (1600, 4), (1600, 4), (1700, 2))]
    rows.append(odds(totals(over=1800), market(), minute=1))
    one_by_one = [results(row)[0] for row in rows]
    execute("TRUNCATE markets, market_stops, producers, feeds, market_lines")
    assert results(*rows) == one_by_one == ["stored", "stored", "duplicate", "stale", "stored"]


def test_a_repeated_message_writes_nothing():
    store_odds([odds(market(), totals())])
    before = PriceVersion.objects.get().version
    assert results(odds(market(), totals())) == ["duplicate"]
    assert PriceVersion.objects.get().version == before


def test_a_later_message_with_the_same_price_renews_it():
    store_odds([odds(market()), odds(market(), minute=5)])
    assert Market.objects.get().as_of == at(5)


def test_outcomes_stay_in_the_order_of_the_first_message_with_them():
    store_odds([odds(market())])
    moved = (("AWAY", 4000), ("HOME", 1950), ("DRAW", 3500))
    assert results(odds(market(outcomes=moved), minute=1)) == ["stored"]
    assert MarketLine.objects.get().outcomes == ["HOME", "DRAW", "AWAY"]
    assert Market.objects.get().odds == [1950, 3500, 4000]
    assert results(odds(market(outcomes=moved[::-1]), minute=1)) == ["duplicate"]


def test_two_orders_of_the_same_outcomes_in_one_call_are_one_line():
    store_odds([odds(market(outcomes=OPEN[::-1]), event=8), odds(market())])
    assert MarketLine.objects.get().outcomes == ["AWAY", "DRAW", "HOME"]
    assert [prices for _, (prices, _, _) in sorted(stored().items())] == [dict(OPEN), dict(OPEN)]


def test_the_database_has_a_market_line_once_whatever_the_order_of_its_outcomes():
    MarketLine.objects.create(market="TOTALS", line="2.5", outcomes=["OVER", "UNDER"])
    MarketLine.objects.create(market="TOTALS", line="2.5", outcomes=["OVER", "UNDER", "EXACTLY"])
    with pytest.raises(IntegrityError, match="market_line_unique"), casino_atomic():
        MarketLine.objects.create(market="TOTALS", line="2.5", outcomes=["UNDER", "OVER"])


def test_a_market_may_have_two_hundred_long_names():
    named = tuple((sha256(bytes([number])).hexdigest() + "X" * 36, 2000) for number in range(200))
    assert results(odds(market(outcomes=named))) == ["stored"]
    assert stored()[7, "1X2", ""][0] == dict(named)


def test_other_outcomes_replace_the_market_line():
    store_odds([odds(market())])
    store_odds([odds(market(outcomes=OPEN[:2]), minute=1)])
    assert stored() == {(7, "1X2", ""): (dict(OPEN[:2]), "LIVE", "open")}
    assert results(odds(market(), minute=0)) == ["stale"]
    assert len(stored()) == 1


def test_a_stop_closes_the_producers_own_markets_alone():
    store_odds([odds(market(), totals()), odds(market(), event=8), odds(totals("3.5"), producer="PREMATCH")])
    assert results(stop(1)) == ["stored"]
    assert {key: status for key, (_, _, status) in stored().items()} == {
        (7, "1X2", ""): "suspended", (7, "TOTALS", "2.5"): "suspended", (7, "TOTALS", "3.5"): "open",
        (8, "1X2", ""): "open",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "closed"),
    [("TOTALS", {"2.5", "3.5"}), (scope_of("TOTALS", "2.5"), {"2.5"}), (scope_of("TOTALS", ""), set()), ("X", set())],
)
def test_a_stop_may_be_of_a_market_or_a_line(scope, closed):
    store_odds([odds(totals("2.5"), totals("3.5"), market())])
    store_odds([stop(1, scope)])
    assert {line for (_, _, line), (_, _, status) in stored().items() if status != "open"} == closed


def test_a_price_from_before_a_stop_stays_closed_and_one_from_after_it_opens():
    store_odds([stop(5)])
    store_odds([odds(market(), minute=5), odds(totals(), minute=6)])
    assert {name: status for (_, name, _), (_, _, status) in stored().items()} == {"1X2": "suspended", "TOTALS": "open"}
    store_odds([odds(market(), minute=7)])
    assert stored()[7, "1X2", ""][2] == "open"


def test_what_a_complete_message_leaves_out_closes_and_stays_closed():
    store_odds([odds(market(), totals(), minute=1), odds(totals("3.5"), producer="PREMATCH")])
    store_odds([odds(market(), minute=3, is_complete=True)])
    store_odds([odds(totals(over=2000), minute=2)])
    assert {(name, line): status for (_, name, line), (_, _, status) in stored().items()} == {
        ("1X2", ""): "open", ("TOTALS", "2.5"): "closed", ("TOTALS", "3.5"): "open",
    }  # fmt: skip


def test_a_market_is_handed_over_and_the_former_producer_closes_it_no_more():
    store_odds([odds(market(), producer="PREMATCH"), odds(market(), minute=2)])
    store_odds([stop(3, producer="PREMATCH")])
    assert stored()[7, "1X2", ""][1:] == ("LIVE", "open")


def test_what_nobody_can_read_closes_the_markets_of_every_producer():
    store_odds([odds(market()), odds(totals(), producer="PREMATCH")])
    store_odds([stop(1, producer="")])
    assert {status for _, _, status in stored().values()} == {"suspended"}


def test_an_event_tells_which_producers_offer_it():
    event = EventFactory.create(id=7)
    untouched = EventFactory.create(id=8)
    offered = []
    for row in (
        odds(market()), odds(totals(), producer="PREMATCH"), stop(1), odds(market(status="settled"), minute=2),
        odds(market(), minute=3), odds(totals(over=0, under=0), minute=4, producer="PREMATCH"), stop(5),
    ):  # fmt: skip
        store_odds([row])
        event.refresh_from_db()
        offered.append(event.offered_by)
    assert offered == [1, 3, 2, 2, 3, 1, 0]
    untouched.refresh_from_db()
    assert untouched.offered_by is None


def test_a_price_change_writes_no_event(django_assert_num_queries):
    EventFactory.create(id=7, odd=Decimal(2))
    store_odds([odds(market())])
    known = query("SELECT version FROM offer_version")
    with django_assert_num_queries(6, connection=casino_connection()):
        store_odds([odds(market(outcomes=(("HOME", 1900), *OPEN[1:])), minute=1)])
    assert query("SELECT version FROM offer_version") == known


def test_an_event_may_have_a_limited_number_of_markets():
    many = tuple(totals(str(number)) for number in range(1, 2_001))
    assert results(odds(*many)) == ["stored"]
    assert results(odds(market(), minute=1), odds(totals("5", over=3000), minute=1)) == ["too_many", "stored"]
    assert (Market.objects.count(), stored()[7, "TOTALS", "5"][0]["OVER"]) == (2_000, 3000)


def test_a_market_with_other_outcomes_takes_the_place_of_the_old_one_in_a_full_event():
    store_odds([odds(*(totals(str(number)) for number in range(1, 2_001)))])
    other = market("TOTALS", "5", (("OVER", 1500), ("UNDER", 2500), ("EXACTLY", 9000)))
    assert results(odds(market(), minute=1), odds(other, minute=1)) == ["too_many", "stored"]
    assert Market.objects.count() == 2_000


def test_a_closing_is_applied_to_the_written_prices_alone(django_assert_num_queries):
    store_odds([odds(market(), totals()), stop(5)])
    store_odds([odds(market(), totals(), minute=6)])
    with django_assert_num_queries(6, connection=casino_connection()):
        store_odds([odds(totals(over=1700), minute=7)])
    assert {status for _, _, status in stored().values()} == {"open"}


def test_a_casino_has_at_most_thirty_producers():
    found = results(*(odds(market(), event=number, producer=f"P{number:02}") for number in range(1, 32)))
    assert found == [*["stored"] * 30, "too_many"]


def test_the_numbers_of_another_casinos_lines_do_not_count(casino_b):
    with use_casino(casino_b.current, switch=True):
        store_odds([odds(totals(), totals("3.5"))])
    store_odds([odds(market())])
    assert stored() == {(7, "1X2", ""): (dict(OPEN), "LIVE", "open")}
    with use_casino(casino_b.current, switch=True):
        assert {line for _, _, line in stored()} == {"2.5", "3.5"}


def test_prices_without_an_event_and_of_past_events_are_pruned():
    EventFactory.create(id=8, begin_timestamp=at(0), end_timestamp=at(0) + timedelta(days=40))
    store_odds([odds(market()), odds(market(), event=8), odds(market(), event=9, minute=60)])
    assert prune_markets(at(30), 2) == 1
    assert {event for event, _, _ in stored()} == {8, 9}


def test_text_ids_of_events_hold_for_odds():
    store_odds([odds(market(), event="sr:match:1"), odds(totals(), event="sr:match:1"), odds(market(), event="2")])
    assert len({event for event, _, _ in stored()}) == 2


MINUTES = st.integers(0, 6)
PRODUCERS = st.sampled_from(["LIVE", "PREMATCH"])
EVENTS = st.sampled_from([7, 8])
PRICES = st.sampled_from([0, 1500, 2000])
MARKETS = st.builds(
    lambda line, over, under, status, has_both: market(
        "TOTALS", line, (("OVER", over), ("UNDER", under))[: 1 + has_both], status
    ),
    st.sampled_from(["2.5", "3.5"]), PRICES, PRICES, st.sampled_from(["open", "settled"]), st.booleans(),
)  # fmt: skip
MESSAGES = st.one_of(
    st.builds(lambda each, event, minute, producer, is_complete: odds(
        each, event=event, minute=minute, producer=producer, is_complete=is_complete
    ), MARKETS, EVENTS, MINUTES, PRODUCERS, st.booleans()),
    st.builds(lambda event, minute, producer, scope: stop(minute, scope, event=event, producer=producer),
              EVENTS, MINUTES, PRODUCERS, st.sampled_from(["", "TOTALS", scope_of("TOTALS", "3.5")])),
)  # fmt: skip


def expected(messages):
    """(event, line) -> producer, odds by outcome, whether open; in plain Python, message by message."""
    latest: dict[Any, Any] = {}
    stops: list[Any] = []
    for row in messages:
        for each in row.markets:
            key = row.id, each.line
            if key not in latest or row.timestamp >= latest[key][0]:
                latest[key] = row.timestamp, row.producer, each
        if row.is_complete:
            stops.append((row.id, row.producer, "", row.timestamp - timedelta.resolution))
        stops += [(row.id, row.producer, closing.scope, row.timestamp) for closing in row.closings]
    return {
        (event, line): (
            producer,
            dict(zip(each.outcomes, each.odds, strict=True)),
            each.status == "open" and not any(
                (event, producer) == (of, by) and as_of <= until and scope in {"", "TOTALS", scope_of("TOTALS", line)}
                for of, by, scope, until in stops
            ),
        )
        for (event, line), (as_of, producer, each) in latest.items()
    }  # fmt: skip


@pytest.mark.hypothesis
@settings(max_examples=scaled(30, 75), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(MESSAGES, max_size=12), st.integers(1, 12))
def test_storing_is_a_dictionary_of_the_latest(casino_a, messages, size):
    with use_casino(casino_a.current):
        execute("TRUNCATE markets, market_stops, producers, feeds, market_lines")
        for start in range(0, len(messages), size):
            store_odds(messages[start : start + size])
        store_odds(messages[: len(messages) // 2])  # older or the same ones again, as a replay sends them
        found = {
            (event, line): (by, prices, status == "open") for (event, _, line), (prices, by, status) in stored().items()
        }
        assert found == expected([*messages, *messages[: len(messages) // 2]])

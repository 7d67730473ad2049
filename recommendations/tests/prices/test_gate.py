"""The gate: an outcome is open only if everything says so."""

import sys
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from recommendations.prices.cache import _BYTES_OF_ROW
from recommendations.prices.event_prices import packed_prices, unpack
from recommendations.prices.feeds import Feeds, Producer
from recommendations.prices.gate import Gate
from recommendations.prices.lines import Lines
from recommendations.prices.price_rules import PriceRules
from recommendations.prices.refusals import Refusal
from tenants.tests.exhaustive import scaled

pytestmark = [pytest.mark.slow, pytest.mark.covered]

NOW = 1_800_000_000.0
LINES = Lines(
    [(1, "1X2", "", ["HOME", "DRAW", "AWAY"]), (2, "TOTALS", "2.5", ["OVER", "UNDER"]), (3, "TOTALS", "", [])]
)
MARKETS = {1: "1X2", 2: "TOTALS"}
OUTCOMES = {1: 3, 2: 2}

rows = st.tuples(
    st.sampled_from([1, 1, 2, 2, 3, 4]),
    st.integers(0, 3),
    st.sampled_from(["open", "open", "open", "suspended", "closed", "settled", "of a later release"]),
    st.sampled_from([NOW, NOW - 5, NOW - 15, NOW - 500, -inf]),
    st.lists(st.sampled_from([-2_000, 0, 999, 1_000, 1_001, 1_500, 2_000, 999_999_999]), max_size=4),
)
producers = st.builds(
    Producer,
    st.integers(0, 3),
    st.just("P"),
    st.sampled_from([False, False, True]),
    st.booleans(),
    st.sampled_from([None, 0.0, 9.9, 10.1, 1_000.0]),
    st.sampled_from([None, 0.0, NOW - 10, NOW, inf]),
)
markets = st.just(frozenset[str]()) | st.sets(st.sampled_from(["1X2", "TOTALS", "OTHER"]), max_size=2).map(frozenset)
many_rules = settings(max_examples=scaled(100, 300))
rules = st.builds(
    PriceRules,
    now=st.just(NOW),
    min_odd=st.sampled_from([1.0, 1.5]),
    max_odd=st.sampled_from([1.5, 2.0, 1_000_000.0]),
    max_age_seconds=st.sampled_from([inf, 10.0, 300.0]),
    max_live_age_seconds=st.sampled_from([inf, 1.0, 120.0]),
    trust_after_silence=st.booleans(),
)
rules |= rules.flatmap(
    lambda given: st.builds(
        replace, st.just(given), blocked_markets=markets, only_markets=markets, requested_markets=markets
    )
)


def may_serve(row, odd, feeds, rules, is_live, full):
    """What the rules say in other words, an outcome at a time."""
    line_id, code, status, as_of, _ = row
    producer = feeds.producers.get(code)
    market = MARKETS.get(line_id)
    if market is None or producer is None or producer.is_closed:
        return False
    if producer.sends_heartbeats and (producer.silent_seconds is None or producer.silent_seconds > 10):
        return False
    if not rules.trust_after_silence and producer.valid_since is not None and as_of < producer.valid_since:
        return False
    age = NOW - as_of  # infinite for a price without a time
    if age == inf or age > rules.max_age_seconds or (is_live and age > rules.max_live_age_seconds):
        return False
    allowed = [group for group in (rules.only_markets, rules.requested_markets) if group]
    if market in rules.blocked_markets or market in full or any(market not in group for group in allowed):
        return False
    return status == "open" and odd > 1_000 and rules.min_odd * 1_000 <= odd <= rules.max_odd * 1_000


@many_rules
@given(st.lists(rows, max_size=6), st.lists(producers, max_size=3), rules, st.booleans(), markets)
def test_the_gate_opens_exactly_what_may_be_served(given_rows, given_producers, given_rules, is_live, full):
    feeds = Feeds(NOW, {each.code: each for each in given_producers})
    columns: Any = [list(column) for column in zip(*given_rows, strict=True)] or [[], [], [], [], []]
    gate, prices = Gate(given_rules, feeds), unpack(packed_prices(columns, LINES))
    readable = [row for row in given_rows if len(row[4]) == OUTCOMES.get(row[0])]
    expected = [may_serve(row, odd, feeds, given_rules, is_live, full) for row in readable for odd in row[4]]
    assert gate.is_open(prices, LINES, is_live=is_live, full=full).tolist() == expected
    one_by_one = [prices.at(place) for place in range(len(expected))]
    assert [gate.opens(price, LINES, is_live=is_live, full=full) for price in one_by_one] == expected
    assert [price.odd for price in one_by_one] == prices.odds.tolist()
    refusals = gate.refusals(prices, LINES, is_live=is_live, full=full)
    assert [refusal == Refusal.OPEN for refusal in refusals.tolist()] == expected
    named = [MARKETS[row[0]] for row in readable for _ in row[4]]
    assert [LINES.outcomes[number].market for number in prices.numbers().tolist()] == named
    assert [price.number for price in one_by_one] == prices.numbers().tolist()


def refused(rules=None, feeds=None, **changes):
    row = {"line_id": 2, "producer": 0, "status": "open", "as_of": NOW, "odds": [1_910, 1_950]} | changes
    producer = Producer(0, "LIVE", False, True, 1.0, 0.0)
    gate = Gate(rules or PriceRules(NOW), feeds or Feeds(NOW, {0: producer}))
    columns: Any = [[each] for each in row.values()]
    prices = unpack(packed_prices(columns, LINES))
    refusals = [Refusal(each) for each in gate.refusals(prices, LINES, is_live=True, full=frozenset()).tolist()]
    one_by_one = [gate.opens(prices.at(place), LINES, is_live=True, full=frozenset()) for place in range(len(refusals))]
    assert one_by_one == [each is Refusal.OPEN for each in refusals]
    return refusals


def test_an_outcome_that_everything_allows_is_open():
    assert refused() == [Refusal.OPEN, Refusal.OPEN]


def test_each_outcome_has_its_own_refusal():
    assert refused(odds=[0, 1_950]) == [Refusal.CLOSED, Refusal.OPEN]
    assert refused(PriceRules(NOW, min_odd=1.92)) == [Refusal.OUT_OF_RANGE, Refusal.OPEN]
    assert refused(PriceRules(NOW, max_odd=1.92)) == [Refusal.OPEN, Refusal.OUT_OF_RANGE]
    assert refused(PriceRules(NOW, blocked_markets=frozenset({"TOTALS"}))) == [Refusal.BLOCKED] * 2
    assert refused(status="suspended") == [Refusal.SUSPENDED] * 2


def test_the_clock_of_the_database_counts_where_it_is_ahead():
    feeds = Feeds(NOW + 200, {0: Producer(0, "LIVE", False, True, 1.0, 0.0)})
    assert refused(feeds=feeds) == [Refusal.STALE] * 2


def test_the_bounds_are_exact_to_the_thousandth():
    for thousandths in (1_001, 1_850, 2_050, 4_400, 16_125):
        bound = thousandths / 1_000
        assert PriceRules(NOW, min_odd=bound, max_odd=bound).bounds == (thousandths, thousandths)


@pytest.mark.parametrize(
    ("rows", "refusal"),
    [
        ([(1, "suspended", [1_850, 3_600, 4_400]), (2, "closed", [1_910, 1_950])], Refusal.SUSPENDED),
        ([(2, "open", [1_910]), (1, "closed", [1_850, 3_600, 4_400])], Refusal.CLOSED),
        ([(2, "open", [1_910])], Refusal.UNREADABLE),
        ([], Refusal.CLOSED),
    ],
)
def test_the_main_refusal_is_that_of_most_outcomes(rows, refusal):
    columns: Any = [[row[0] for row in rows], [0] * len(rows), [row[1] for row in rows], [NOW] * len(rows), []]
    columns[4] = [row[2] for row in rows]
    gate = Gate(PriceRules(NOW), Feeds(NOW, {0: Producer(0, "LIVE", False, True, 1.0, 0.0)}))
    assert gate.main_refusal(unpack(packed_prices(columns, LINES)), LINES, is_live=False, full=frozenset()) is refusal


@pytest.mark.parametrize("events", [20, 100])
def test_a_kept_price_takes_at_most_sixteen_bytes(events):
    columns: Any = [[1] * events, [0] * events, ["open"] * events, [NOW] * events, [[1_850, 3_600, 4_400]] * events]
    packed = packed_prices(columns, LINES)
    assert sys.getsizeof(packed) + _BYTES_OF_ROW <= 16 * unpack(packed).odds.size


@given(st.lists(rows, max_size=6))
def test_packed_prices_are_those_of_the_rows(given_rows):
    columns: Any = [list(column) for column in zip(*given_rows, strict=True)] or [[], [], [], [], []]
    prices = unpack(packed_prices(columns, LINES))
    refusals = {"open": Refusal.OPEN, "suspended": Refusal.SUSPENDED}
    expected = [
        (LINES.get(line_id).first, producer, refusals.get(status, Refusal.CLOSED), len(odds), as_of)
        if len(odds) == OUTCOMES.get(line_id)
        else (0, producer, Refusal.UNREADABLE, 0, as_of)
        for line_id, producer, status, as_of, odds in given_rows
    ]
    assert prices.lines.tolist() == expected
    readable = [row for row in given_rows if len(row[4]) == OUTCOMES.get(row[0])]
    assert prices.odds.tolist() == [each for row in readable for each in row[4]]

"""The changed lines of kept prices: with these, kept prices are those that the database has, or are not kept."""

import random
from datetime import UTC, datetime

import pytest

from recommendations.models import Market, PriceChange
from recommendations.prices.cache import price_cache
from recommendations.prices.event_prices import packed_prices, patch
from recommendations.prices.lines import Lines
from recommendations.prices.queries import PRICE_COLUMNS, read_prices
from recommendations.prices.request_prices import prices_of_query
from recommendations.tests.factories import EventFactory
from recommendations.tests.prices.market_rows import market
from tenants.routing.connections import casino_atomic, casino_connection, execute
from tenants.routing.context import use_casino
from tenants.tests.exhaustive import scaled

pytestmark = pytest.mark.covered

EVENTS, LINES = range(1, 7), ("1.5", "2.5", "3.5", "4.5")
THEN = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = Lines([(number, "TOTALS", str(number), ["OVER", "UNDER"][: 1 + number % 2]) for number in range(1, 9)])


@pytest.fixture
def _markets(casino_a):
    with use_casino(casino_a.current):
        for event in EVENTS:
            EventFactory(pk=event)
            for line in LINES:
                market(event, {"OVER": 2.0, "UNDER": 1.8}, name="TOTALS", line=line, as_of=THEN)
        ask()
        yield


def ask():
    """What a request's query and its reading of all events' prices leave in memory. Returns the ids of the events that
    were still kept after the query."""
    known = price_cache.known()
    if known.version is not None:
        [columns] = casino_connection().query_prepared(f"SELECT {PRICE_COLUMNS}", known.parameters)
        prices = prices_of_query(known, columns)
    else:
        prices = prices_of_query(known, ())
    kept = dict(price_cache.known().kept.rows)
    assert kept.items() <= read_prices(EVENTS, price_cache.known().kept.lines).rows.items()
    prices.of(EVENTS)
    return set(kept)


def some_lines(rng):
    pairs = [*Market.objects.order_by("event_id", "line_id").values_list("event_id", "line_id")]
    return f"(event_id, line_id) IN (VALUES {', '.join(map(str, rng.sample(pairs, min(len(pairs), 4)) or [(0, 0)]))})"


def change(rng):
    """One statement that changes some of the lines, as services, staff and earlier releases do."""
    event, odd = rng.choice(EVENTS), rng.randint(1_010, 9_000)
    statements = {
        f"UPDATE markets SET odds = '{{{odd}, 0}}', producer = {rng.randrange(3)} WHERE {some_lines(rng)}": 6,
        f"UPDATE markets SET status = '{rng.choice(['open', 'suspended'])}' WHERE {some_lines(rng)}": 4,
        f"UPDATE markets SET odds = '{{{odd}}}' WHERE {some_lines(rng)}": 1,
        f"DELETE FROM markets WHERE {some_lines(rng)}": 1,
        f"INSERT INTO markets SELECT {event}, id, 0, 'open', now() - interval '1 day', '{{{odd}, {odd}}}' "
        "FROM market_lines ON CONFLICT (event_id, line_id) DO UPDATE SET odds = excluded.odds": 2,
        "UPDATE price_changes SET line_ids = NULL, line_events = NULL "
        "WHERE version = (SELECT max(version) FROM price_changes)": 1,
    }
    execute(rng.choices([*statements], [*statements.values()])[0])


@pytest.mark.usefixtures("_markets")
@pytest.mark.parametrize("seed", range(scaled(2, 10)))
def test_kept_prices_are_those_of_the_database_after_any_changes(seed):
    rng, kept = random.Random(seed), 0
    for _ in range(40):
        with casino_atomic():
            for _ in range(rng.choice([1, 1, 3])):
                change(rng)
        kept += len(ask())
    assert kept > 40 * len(EVENTS) / 2


@pytest.mark.usefixtures("_markets")
def test_an_event_that_loses_a_line_leaves_the_others_kept():
    execute("DELETE FROM markets WHERE event_id = 1 AND line_id = (SELECT min(line_id) FROM markets)")
    execute("UPDATE markets SET odds = '{3000, 3000}' WHERE event_id = 2")
    assert ask() == {*EVENTS} - {1}


@pytest.mark.usefixtures("_markets")
@pytest.mark.parametrize(("lines", "are_noted"), [(250, True), (5_001, False)])
def test_more_changed_lines_than_a_query_or_the_log_tells_leave_none_of_their_events(lines, are_noted):
    execute(
        f"INSERT INTO market_lines (market, outcomes) SELECT 'M' || n, '{{A}}' FROM generate_series(1, {lines}) AS n"
    )
    execute(
        "INSERT INTO markets SELECT 1, id, 0, 'open', now() - interval '1 day', '{2000}' FROM market_lines "
        "WHERE market <> 'TOTALS'"
    )
    ask()
    assert ask() == set(EVENTS)
    execute("UPDATE markets SET status = 'suspended' WHERE event_id IN (1, 2)")
    assert (PriceChange.objects.latest("version").line_ids is not None) == are_noted
    assert ask() == {*EVENTS} - {1, 2}


def row(rng, line):
    """Of few times, so that several are as of the oldest."""
    odds = [rng.choice([0, rng.randint(1_010, 9_000)]) for _ in range(1 + line % 2)]
    return line, rng.randrange(4), rng.choice(["open", "open", "suspended"]), float(rng.randrange(5)), odds


def columns(rows):
    return tuple(map(list, zip(*rows, strict=True)))


@pytest.mark.parametrize("seed", range(scaled(20, 100)))
def test_patched_prices_equal_those_that_are_read_as_a_whole(seed):
    rng = random.Random(seed)
    lines = sorted(rng.sample(range(1, 9), rng.randint(1, 8)))
    before = {line: row(rng, line) for line in lines}
    changed = {line: row(rng, line) for line in rng.sample(lines, rng.randint(1, len(lines)))}
    patched = patch(packed_prices(columns(before.values()), KNOWN), columns(changed.values()), KNOWN)
    assert patched == packed_prices(columns((before | changed).values()), KNOWN)


@pytest.mark.parametrize(
    ("line", "odds"), [(3, [2_000, 2_000]), (99, [2_000]), (2, [2_000, 2_000])], ids=["new", "unknown", "unreadable"]
)
def test_prices_without_a_changed_line_are_not_patched(line, odds):
    before = packed_prices(([1, 2], [0, 0], ["open"] * 2, [1.0, 1.0], [[2_000, 2_000], [2_000]]), KNOWN)
    assert patch(before, ([line], [0], ["open"], [2.0], [odds]), KNOWN) is None


@pytest.mark.usefixtures("_markets")
def test_changes_and_prices_are_read_in_the_snapshot_of_the_statement_that_asks():
    """A function that is not STABLE would see what others commit while the statement runs."""
    with casino_connection().cursor() as cursor:
        cursor.execute("SELECT provolatile FROM pg_proc WHERE proname = 'changed_prices'")
        assert cursor.fetchone() == ("s",)

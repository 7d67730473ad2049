"""Each statement that changes markets, from wherever, raises the version of the prices and notes its events."""

import pytest
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import IntegrityError

from recommendations.models import Market, MarketLine, PriceChange, PriceVersion
from tenants.routing.connections import casino_atomic, casino_connection, execute, query
from tenants.routing.context import use_casino

from .factories import EventFactory

ADD = (
    "INSERT INTO markets (event_id, line_id, producer, status, as_of, odds) "
    "SELECT number, 1, 0, 'open', now(), '{{1850,3600,0}}' FROM generate_series(1, {}) AS number"
)
FILES = "SELECT pg_relation_filenode('events'), pg_relation_filenode('purchased_coupons')"


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def version():
    return PriceVersion.objects.get().version


def changed_since(known):
    changes = PriceChange.objects.filter(version__gt=known).order_by("version")
    return [ids and sorted(ids) for ids in changes.values_list("event_ids", flat=True)]


def migrate(name):
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    MigrationExecutor(casino_connection()).migrate([("recommendations", name)])


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        (ADD.format(3), [[1, 2, 3]]),
        ("UPDATE markets SET status = 'suspended' WHERE event_id IN (7, 8)", [[7, 8]]),
        ("UPDATE markets SET event_id = 9 WHERE event_id = 8", [[8, 9]]),
        ("DELETE FROM markets WHERE event_id = 8", [[8]]),
        ("TRUNCATE markets", [None]),
        ("UPDATE markets SET odds = odds WHERE event_id = 1000", []),
        ("DELETE FROM markets WHERE event_id = 1000", []),
        (ADD.format(6), [[1, 2, 3, 4, 5, 6]]),
    ],
)
def test_each_statement_notes_the_events_that_it_changes(statement, changed):
    execute(ADD.format(8).replace("generate_series(1", "generate_series(7"))
    known = version()
    execute(statement)
    assert changed_since(known) == changed
    assert (version() > known) == bool(changed)


def test_more_events_than_a_change_lists_are_any():
    known = version()
    execute(ADD.format(5001))
    assert changed_since(known) == [None]


def test_a_version_that_was_lost_with_its_row_is_begun_again():
    execute("TRUNCATE price_version, markets")
    execute(ADD.format(1))
    assert version() > 0


def test_only_the_latest_changes_stay():
    PriceChange.objects.all().delete()  # a test before this one may have left that of emptying the tables
    execute(ADD.format(1))
    for _ in range(600):
        execute("UPDATE markets SET odds[1] = odds[1] + 1")
    assert PriceChange.objects.count() == 601
    [(latest,)] = query("SELECT last_value FROM price_version_seq")
    execute(f"ALTER SEQUENCE price_version_seq RESTART WITH {((latest >> 8) + 12) << 8}")
    execute("UPDATE markets SET odds[1] = odds[1] + 1")
    assert PriceChange.objects.count() == 1


def test_a_market_has_a_known_status_and_producer():
    execute(ADD.format(1))
    for column, value in (("status", "OPEN"), ("producer", 30), ("producer", -1)):
        with pytest.raises(IntegrityError), casino_atomic():
            execute(f"UPDATE markets SET {column} = %s", [value])


def test_the_rows_have_models():
    line = MarketLine.objects.create(market="TOTALS", line="2.5", outcomes=["OVER", "UNDER"])
    execute(ADD.format(1))
    assert str(line) == "TOTALS 2.5"
    assert [(each.event_id, each.odds) for each in Market.objects.all()] == [(1, [1850, 3600, 0])]


@pytest.mark.covered
@pytest.mark.slow
@pytest.mark.parametrize("events", [0, 3])
def test_the_migration_is_reversed_and_applied_again_without_rewriting_tables(events):
    EventFactory.create_batch(events)
    before = query(FILES)
    migrate("0041_participants_in_the_offer")
    leftovers = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname ~ 'price|_2$'"
    assert query(leftovers) == [(0,)]
    assert query("SELECT to_regclass('markets'), to_regclass('price_version_seq')") == [(None, None)]
    migrate("0042_markets")
    assert query(FILES) == before
    assert query("SELECT count(*) FROM events WHERE offered_by IS NULL AND NOT lacks_odd") == [(events,)]
    execute(ADD.format(2))
    assert version() > 0


@pytest.mark.parametrize(
    ("columns", "is_offered", "odd"),
    [
        ("offered_by = 0", True, 2.5),
        ("is_withheld = true", False, None),
        ("is_withheld = true, offered_by = 1", False, None),
        ("is_withheld = true, lacks_odd = true", False, None),
        ("is_withheld = true, lacks_odd = true, offered_by = 1", True, None),
        ("is_withheld = true, lacks_odd = true, odd = NULL, offered_by = 0", True, None),
    ],
)
def test_the_offer_has_events_that_only_lack_an_odd_if_they_have_markets(columns, is_offered, odd):
    event = EventFactory.create(odd="2.5")
    known = query("SELECT version FROM offer_version")[0][0]
    execute(f"UPDATE events SET {columns}")
    [(text, changes)] = query("SELECT offered_events_2(now())::json, offered_changes_since_2(%s, now())::json", [known])
    assert (text[1] == [event.id], changes[0]) == (is_offered, [event.id])
    if is_offered:
        assert text[4] == [odd]
        assert text[-1] == [[event.id, 1 if "offered_by = 1" in columns else 0]]

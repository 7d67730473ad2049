"""The trigger that increments the offer's version with every change of events, and only then."""

import pytest
from django.db.transaction import set_rollback

from recommendations.models import Event, OfferVersion
from recommendations.storing import store_events
from recommendations.tests.factories import EventFactory, at, event_row
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino

BY_PSQL = (
    "INSERT INTO events (id, country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team) "
    "VALUES (99, 'X', now(), now() + interval '1 hour', 'X', 'X', 2, 'X', 'Y')"
)
UPSERT = "INSERT INTO events SELECT * FROM events ON CONFLICT (id) DO UPDATE SET "


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)


def version():
    """The version's number, without its random part."""
    return OfferVersion.objects.get().version >> 24


@pytest.mark.parametrize(
    "change",
    [
        BY_PSQL,
        "UPDATE events SET odd = odd + 1",
        "UPDATE events SET odd = 9 WHERE id = 1",
        "UPDATE events SET status = 'SUSPENDED'",
        "UPDATE events SET begin_timestamp = begin_timestamp - interval '1 second'",
        "UPDATE events SET country = 'X', timestamp = now()",
        "UPDATE events SET id = id + 10",
        "UPDATE events SET home_team = away_team, away_team = home_team",
        "DELETE FROM events WHERE id = 1",
        "TRUNCATE events CASCADE",
        f"{UPSERT} odd = 9",
        "WITH gone AS (DELETE FROM events WHERE id = 1 RETURNING 1) SELECT count(*) FROM gone",
    ],
)
def test_each_real_change_raises_the_version(change):
    EventFactory.create(id=1)
    EventFactory.create(id=2)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    before = version()
    execute(change)
    assert version() == before + 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET odd = odd",
        "UPDATE events SET odd = 2.50",
        "UPDATE events SET timestamp = now()",
        "UPDATE events SET timestamp = NULL",
        "UPDATE events SET status = 'SETTLED' WHERE id = 404",
        "DELETE FROM events WHERE id = 404",
        f"{UPSERT} odd = excluded.odd",
        "INSERT INTO events SELECT * FROM events ON CONFLICT DO NOTHING",
        "SELECT * FROM events FOR UPDATE",
    ],
)
def test_changes_without_effect_on_the_offer_do_not_raise_the_version(statement):
    EventFactory.create(id=1)
    EventFactory.create(id=2)
    before = version()
    execute(statement)
    assert version() == before


def test_an_unchanged_feed_does_not_raise_the_version_however_late_it_is():
    feed = [event_row(id=7, status="OPEN", timestamp=at(1)), event_row()]
    store_events(feed)
    before = version()
    store_events(feed)
    store_events([event_row(id=7, timestamp=at(2)), event_row(timestamp=at(3))])
    assert version() == before
    assert set(Event.objects.values_list("timestamp", flat=True)) == {at(2), at(3)}


def test_a_stale_row_does_not_raise_the_version():
    store_events([event_row(id=7, timestamp=at(2))])
    before = version()
    store_events([event_row(id=7, odd=9, timestamp=at(1))])
    assert version() == before


@pytest.mark.parametrize("change", [{"odd": 9}, {"status": "CANCELLED"}, {"league": "FA CUP"}, {"id": 8}])
def test_a_feed_with_one_change_among_many_rows_raises_it(change):
    store_events([event_row(id=n, home_team=f"H{n}") for n in range(1, 8)])
    before = version()
    store_events([event_row(id=n, home_team=f"H{n}") for n in range(1, 7)] + [event_row(**{"id": 7, **change})])
    assert version() > before


def test_a_statement_raises_it_once_however_many_rows_it_changes():
    EventFactory.create_batch(5)
    before = version()
    Event.objects.update(odd=3)
    assert version() == before + 1


def test_reading_does_not_raise_the_version():
    before = version()
    list(Event.objects.all())
    assert version() == before


def test_a_version_is_never_used_twice_even_after_a_rollback():
    before = version()
    with casino_atomic():
        EventFactory.create()
        rolled_back = version()
        set_rollback(True, using=current_alias())
    assert version() == before
    EventFactory.create()
    assert version() > rolled_back > before


def test_a_missing_version_is_recreated():
    OfferVersion.objects.all().delete()
    EventFactory.create()
    assert version() > 0


def test_truncating_events_and_version_together_leaves_a_version():
    before = version()
    execute("TRUNCATE events, event_teams, offer_version")
    assert version() > before


def test_two_casinos_have_versions_of_their_own(casino_b):
    before = version()
    with use_casino(casino_b.current, switch=True):
        EventFactory.create()
    assert version() == before

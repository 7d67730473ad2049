"""The migrations: reversible, complete, and a trigger that raises the offer's version with every change of events."""

import pytest
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor
from django.db.transaction import set_rollback

from recommendations.models import Event, OfferVersion
from tenants.connections import casino_atomic, casino_connection, current_alias
from tenants.context import use_casino

from .factories import EventFactory

TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'events'::regclass AND NOT tgisinternal"
LEFTOVERS = (
    "SELECT count(*) FROM pg_class, pg_proc WHERE relname = 'offer_version_seq' OR proname = 'raise_offer_version'"
)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None


def migrate(name):
    MigrationExecutor(casino_connection()).migrate([("recommendations", name)])


def version():
    return OfferVersion.objects.get().version


@pytest.mark.parametrize("events", [0, 3])
def test_the_trigger_can_be_taken_back_and_made_again(events):
    EventFactory.create_batch(events)
    migrate("0001_initial")
    assert execute(TRIGGERS) == execute(LEFTOVERS) == (0,)
    EventFactory.create()
    assert not OfferVersion.objects.exists()
    migrate("0002_offer_version_trigger")
    before = version()
    EventFactory.create()
    assert version() > before
    assert Event.objects.count() == events + 2


def test_all_migrations_can_be_taken_back_and_made_again():
    migrate(None)
    assert execute("SELECT to_regclass('events'), to_regclass('users'), to_regclass('offer_version')") == (None,) * 3
    migrate("0002_offer_version_trigger")
    EventFactory.create()
    assert version() > 0


def test_the_models_lack_no_migration():
    call_command("makemigrations", "recommendations", check=True, dry_run=True, verbosity=0)


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO events (country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team) "
        "VALUES ('X', now(), now() + interval '1 hour', 'X', 'X', 2, 'X', 'Y')",
        "UPDATE events SET odd = odd + 1",
        "DELETE FROM events",
        "TRUNCATE events CASCADE",
    ],
)
def test_every_kind_of_change_raises_the_version(change):
    EventFactory.create_batch(2)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    before = version()
    execute(change)
    assert version() > before


def test_an_upsert_raises_the_version():
    event = EventFactory.create()
    before = version()
    execute(f"INSERT INTO events SELECT * FROM events WHERE id = {event.pk} ON CONFLICT (id) DO UPDATE SET odd = 9")
    assert version() > before


def test_a_statement_raises_it_once_however_many_rows_it_changes():
    EventFactory.create_batch(5)
    before = version()
    Event.objects.update(odd=3)
    assert version() == before + 1


def test_reading_leaves_the_version_alone():
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


def test_a_version_that_went_missing_is_made_again():
    OfferVersion.objects.all().delete()
    EventFactory.create()
    assert version() > 0


def test_events_and_version_emptied_at_once_leave_a_version():
    before = version()
    execute("TRUNCATE events, event_teams, offer_version")
    assert version() > before


def test_two_casinos_have_versions_of_their_own(casino_b):
    before = version()
    with use_casino(casino_b.current, switch=True):
        EventFactory.create()
    assert version() == before

"""The migrations are complete, and reversible one by one, also with rows."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db.migrations.executor import MigrationExecutor

from recommendations.models import LearntValue, OfferChange, OfferVersion, UserProfile
from recommendations.offer import read_offer
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

from .factories import CouponFactory, EventFactory, UserFactory, open_rows, rows_of

pytestmark = pytest.mark.exhaustive

TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'events'::regclass AND NOT tgisinternal"
LEFTOVERS = (
    "SELECT (SELECT count(*) FROM pg_class WHERE relname = 'offer_version_seq') "
    "+ (SELECT count(*) FROM pg_proc WHERE proname LIKE '%offer_version%')"
)
CHANGES_SINCE = "SELECT offered_changes_since({}, now())"
ADD_EVENT = (  # raw SQL: before the last migration, the table lacks columns of the model
    "INSERT INTO events (country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team) "
    "VALUES ('X', now(), now() + interval '1 hour', 'X', 'X', 2, 'X', 'Y')"
)
TALLIES = "0009_user_tallies"
BEFORE_CHEAPER_NOTES = "0053_experiment_looks"
BEFORE_LEARNT, BEFORE_AMOUNTS, AMOUNTS = "0033_text_ids", "0036_learnt_values", "0038_amounts_validated"
FIRST, TRIGGER, CURRENCIES, STATUS, WAITING, ROOM = (
    "0001_initial",
    "0002_offer_version_trigger",
    "0003_settable_currencies_and_genders",
    "0004_event_status_and_timestamp",
    "0005_waiting_coupons_and_removed_rows",
    "0007_room_in_profiles",
)
LATEST = sorted(each.stem for each in (Path(__file__).parents[1] / "migrations").glob("0*.py"))[-1]


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def execute(sql):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone() if cursor.description else None


def migrate(name):
    execute(
        "SET CONSTRAINTS ALL IMMEDIATE"
    )  # a test is one transaction, where pending constraint checks forbid ALTER TABLE
    MigrationExecutor(casino_connection()).migrate([("recommendations", name)])


def version():
    return OfferVersion.objects.get().version


def test_the_trigger_can_be_reversed_and_applied_again():
    EventFactory.create_batch(3)
    migrate(FIRST)
    assert execute(TRIGGERS) == execute(LEFTOVERS) == (0,)
    execute(ADD_EVENT)
    assert not OfferVersion.objects.exists()
    migrate(TRIGGER)
    before = version()
    execute(ADD_EVENT)
    assert version() > before
    assert execute("SELECT count(*) FROM events") == (5,)


def test_the_trigger_for_effective_changes_can_be_reversed_and_applied_again():
    EventFactory.create_batch(3)
    known = version()
    migrate(WAITING)
    assert version() == known
    execute("UPDATE events SET odd = odd")
    assert version() > known
    migrate(LATEST)
    before = version()
    execute("UPDATE events SET odd = odd")
    assert version() == before
    execute("UPDATE events SET odd = odd + 1")
    assert version() > before


def test_the_log_of_changes_can_be_reversed_and_applied_again(now):
    EventFactory.create_batch(3)
    known = version()
    migrate(ROOM)
    assert version() == known
    assert execute("SELECT to_regclass('offer_changes')") == (None,)
    execute("UPDATE events SET odd = odd")
    assert version() == known
    execute(ADD_EVENT)
    execute("UPDATE events SET odd = odd + 1")
    execute("TRUNCATE events CASCADE")
    unlogged = version()
    assert unlogged > known
    migrate(LATEST)
    assert version() == unlogged
    EventFactory.create_batch(4)
    assert execute(CHANGES_SINCE.format(unlogged)) == ("reload",)
    assert OfferChange.objects.count() == 1
    assert rows_of(read_offer(now)) == open_rows(now)
    EventFactory.create()
    assert rows_of(read_offer(now)) == open_rows(now)


def test_earlier_events_become_open_without_a_timestamp():
    migrate(CURRENCIES)
    execute(ADD_EVENT)
    migrate(LATEST)
    assert execute("SELECT status, timestamp FROM events") == ("OPEN", None)
    execute(ADD_EVENT)
    assert execute("SELECT count(*) FROM events WHERE status = 'OPEN'") == (2,)


def test_users_survive_reversing_and_applying_again():
    UserFactory.create_batch(3)
    migrate(TRIGGER)
    assert execute("SELECT count(*) FROM users") == (3,)
    migrate(LATEST)
    UserFactory.create(currency="CHF")
    assert execute("SELECT count(*) FROM users") == (4,)


def test_all_migrations_can_be_reversed_and_applied_again():
    migrate(None)
    tables = "SELECT to_regclass('events'), to_regclass('users'), to_regclass('offer_version')"
    assert execute(tables) == (None,) * 3
    assert execute("SELECT to_regclass('waiting_coupons'), to_regclass('removed_rows')") == (None,) * 2
    assert execute(LEFTOVERS) == (0,)
    migrate(LATEST)
    EventFactory.create()
    assert version() > 0


def test_only_earlier_profiles_are_marked_for_a_rebuild():
    migrate("0008_offer_changes")
    execute("INSERT INTO users_profile (user_id) VALUES (1)")
    migrate(TALLIES)
    execute("INSERT INTO users_profile (user_id) VALUES (2)")
    assert dict(UserProfile.objects.values_list("user_id", "needs_rebuild")) == {1: True, 2: False}
    assert list(UserProfile.objects.values_list("pending_coupon_ids", flat=True)) == [[], []]


def test_the_times_of_statuses_are_added_without_rewriting_the_tables():
    UserFactory.create_batch(2)
    EventFactory.create_batch(2)
    files = "SELECT pg_relation_filenode('users'), pg_relation_filenode('events')"
    migrate("0020_versions_of_the_offer_with_a_random_part")
    before = execute(files)
    execute("UPDATE events SET timestamp = now()")
    migrate(LATEST)
    assert execute(files) == before
    without = "SELECT count(*) FROM users, events WHERE num_nulls(users.status_as_of, events.status_as_of) = 2"
    assert execute(without) == (4,)
    known = version()
    execute("UPDATE events SET status_as_of = timestamp")
    assert version() == known
    execute("UPDATE events SET status = 'SUSPENDED'")
    assert version() > known


LINKED_TEAMS = """
SELECT array_agg((teams.id, events.id, teams.name, teams.country)::text ORDER BY events.id, teams.name)
FROM event_teams JOIN teams ON teams.id = event_teams.team_id JOIN events ON events.id = event_teams.event_id
"""


def test_teams_are_split_by_country_and_merged_again():
    migrate("0029_offer_of_live_and_withheld_events")
    execute("INSERT INTO teams (name, sport) VALUES ('EVERTON', 'FOOTBALL'), ('LIVERPOOL', 'FOOTBALL')")
    for country in ("ENGLAND", "URUGUAY", "ENGLAND"):
        execute(
            "INSERT INTO events (country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team) "
            f"VALUES ('{country}', now(), now() + interval '1 h', 'L', 'FOOTBALL', 2, 'LIVERPOOL', 'EVERTON')"
        )
    execute("INSERT INTO event_teams (event_id, team_id) SELECT events.id, teams.id FROM events, teams")
    [before] = execute(LINKED_TEAMS.replace("teams.country", "''"))
    migrate("0030_categories_of_teams")
    [links] = execute(LINKED_TEAMS)
    assert [link.split(",")[-1] for link in links] == ["ENGLAND)"] * 2 + ["URUGUAY)"] * 2 + ["ENGLAND)"] * 2
    assert [link.split(",")[0] for link in links[:2] + links[4:]] == [link.split(",")[0] for link in before[:2]] * 2
    assert execute("SELECT count(*) FROM teams") == (4,)
    migrate("0029_offer_of_live_and_withheld_events")
    assert execute(LINKED_TEAMS.replace("teams.country", "''")) == (before,)
    migrate(LATEST)


def test_events_of_one_match_are_linked_by_the_migration():
    migrate("0030_categories_of_teams")
    execute(ADD_EVENT)
    execute(ADD_EVENT)
    migrate(LATEST)
    [first, second] = execute("SELECT array_agg(id ORDER BY id) FROM events")[0]
    linked = execute("SELECT array_agg(same_match_ids::text ORDER BY id) FROM events")
    assert linked == ([f"{{{second}}}", f"{{{first}}}"],)
    migrate("0030_categories_of_teams")
    assert execute("SELECT count(*) FROM events") == (2,)
    migrate(LATEST)


def test_free_bets_stay_when_the_migration_that_permits_them_is_reversed():
    CouponFactory.create(user_id=1, stake=0)
    migrate("0022_times_of_statuses_by_earlier_releases")
    assert execute("SELECT count(*) FROM purchased_coupons WHERE stake = 0") == (1,)
    migrate(LATEST)
    CouponFactory.create(user_id=1, stake=0)
    assert execute("SELECT count(*) FROM purchased_coupons WHERE stake = 0") == (2,)


def test_no_migration_is_missing():
    call_command("makemigrations", "recommendations", check=True, dry_run=True, verbosity=0)


def test_amounts_get_eight_decimals_without_rewriting_the_tables_and_are_rounded_when_reversed():
    migrate(BEFORE_AMOUNTS)
    columns = "user_id, stake, timestamp, recommended_events"
    execute(f"INSERT INTO purchased_coupons ({columns}) VALUES (1, 25.5, now(), '[]')")
    files = "SELECT pg_relation_filenode('purchased_coupons'), pg_relation_filenode('users_profile')"
    before = execute(files)
    migrate(AMOUNTS)
    assert execute(files) == before
    assert execute("SELECT stake::text FROM purchased_coupons") == ("25.50",)
    checks = "SELECT bool_and(convalidated) FROM pg_constraint WHERE conname IN ('{}', '{}')"
    assert execute(checks.format("coupon_stake_not_negative", "profile_stake_total_in_range")) == (True,)
    execute("UPDATE purchased_coupons SET stake = 0.00612345")
    migrate(BEFORE_AMOUNTS)
    assert execute("SELECT stake::text FROM purchased_coupons") == ("0.01",)
    migrate(LATEST)


def test_stored_sports_currencies_and_genders_are_learnt():
    migrate(BEFORE_LEARNT)
    execute("INSERT INTO teams (name, sport) VALUES ('A', 'TENNIS'), ('B', 'TENNIS')")
    execute(
        "INSERT INTO users (name, surname, birth_year, currency, country, gender, timestamp, favorite_sport, "
        "favorite_league) VALUES ('A', 'B', 1985, 'KWD', 'C', 'X', now(), '', '')"
    )
    migrate(LATEST)
    learnt = set(LearntValue.objects.values_list("kind", "value"))
    assert learnt == {("sport", "TENNIS"), ("currency", "KWD"), ("gender", "X")}


def test_coupons_are_noted_before_and_after_the_trigger_is_made_cheaper():
    UserFactory.create(id=7)
    add = "INSERT INTO purchased_coupons (user_id, stake, timestamp, recommended_events) SELECT 7, 1, now(), '[]'"
    notes = "SELECT array_agg(cardinality(ids) ORDER BY id) FROM due_attributions"
    migrate(BEFORE_CHEAPER_NOTES)
    execute(f"{add} FROM generate_series(1, 3)")
    migrate(LATEST)
    execute(f"{add} FROM generate_series(1, 2)")
    assert execute(notes) == ([3, 2],)

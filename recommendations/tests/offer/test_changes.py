"""The log of what each version of the offer changed, and what is read of it."""

import msgspec
import pytest
from django.db.transaction import set_rollback

from recommendations.models import Event, OfferChange, OfferVersion
from recommendations.tests.factories import EventFactory
from tenants.routing.connections import casino_atomic, casino_connection, current_alias
from tenants.routing.context import use_casino

MANY = (
    "INSERT INTO events (id, country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team) "
    "SELECT 1000 + n, 'X', now(), now() + interval '1 hour', 'X', 'X', 2, 'X', 'Y' FROM generate_series(1, {}) AS n"
)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        for event_id in (1, 2, 3):
            EventFactory.create(id=event_id)
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        yield


def execute(sql, parameters=None):
    with casino_connection().cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone() if cursor.description else None


def version():
    return OfferVersion.objects.get().version


def changes_since(known, now):
    [changes] = execute("SELECT offer_changes_since(%s, %s)", [known, now])
    return changes


def noted_since(known):
    noted = OfferChange.objects.filter(version__gt=known).order_by("version").values_list("event_ids", flat=True)
    return [ids and sorted(ids) for ids in noted]


@pytest.mark.parametrize(
    ("statement", "noted"),
    [
        (MANY.format(2), [1001, 1002]),
        ("UPDATE events SET odd = 9 WHERE id < 3", [1, 2]),
        ("UPDATE events SET odd = id", [1, 2, 3]),
        ("UPDATE events SET odd = CASE id WHEN 2 THEN 7 ELSE odd END, timestamp = now()", [2]),
        ("UPDATE events SET status = 'SETTLED' WHERE id = 3", [3]),
        ("UPDATE events SET id = 77 WHERE id = 2", [2, 77]),
        ("UPDATE events SET id = id + 1000", [1, 2, 3, 1001, 1002, 1003]),
        ("DELETE FROM events WHERE id <> 2", [1, 3]),
        ("TRUNCATE events CASCADE", None),
        (MANY.format(5000), [*range(1001, 6001)]),
        (MANY.format(5001), None),
    ],
)
def test_a_statement_notes_the_events_that_it_changed(statement, noted):
    if "odd = id" in statement:
        execute("UPDATE events SET id = id + 10")  # no odd may be 1
        noted = [11, 12, 13]
    known = version()
    execute(statement)
    assert noted_since(known) == [noted]
    assert OfferChange.objects.latest("version").version == version()


@pytest.mark.parametrize("statement", ["UPDATE events SET timestamp = now()", "UPDATE events SET odd = odd"])
def test_what_changes_nothing_notes_nothing(statement):
    known = version()
    execute(statement)
    assert noted_since(known) == []


def test_what_was_rolled_back_is_not_noted():
    known = version()
    with casino_atomic():
        execute("UPDATE events SET odd = 9")
        set_rollback(True, using=current_alias())
    execute("DELETE FROM events WHERE id = 1")
    assert noted_since(known) == [[1]]


def test_each_casino_has_a_log_of_its_own(casino_b):
    known = version()
    with use_casino(casino_b.current, switch=True):
        theirs = version()
        EventFactory.create(id=5)
        assert noted_since(theirs) == [[5]]
    assert noted_since(known) == []


def test_the_log_keeps_the_latest_versions_only(now):
    known = version()
    pruned_at = (known + 2000) // 256 * 256 + 256
    execute("SELECT setval('offer_version_seq', %s, false)", [pruned_at])
    execute("UPDATE events SET odd = 9")
    assert list(OfferChange.objects.values_list("version", flat=True)) == [version()] == [pruned_at]
    assert changes_since(known, now) == "reload"


def test_a_number_that_comes_again_keeps_nobody_from_storing_events():
    execute("SELECT setval('offer_version_seq', %s, false)", [version()])
    before = version()
    execute("UPDATE events SET odd = 9")
    assert version() == before
    assert OfferChange.objects.get(version=before).event_ids is None


def test_who_knows_the_version_is_told_nothing(now):
    assert changes_since(version(), now) is None


def test_who_knows_an_older_version_is_told_the_open_events_that_changed_and_the_ids_of_all(now):
    known = version()
    for statement in ("odd = 9 WHERE id = 1", "odd = 8 WHERE id = 1", "status = 'SUSPENDED' WHERE id = 2"):
        execute(f"UPDATE events SET {statement}")
    changed, ids, *_, odds = msgspec.json.decode(changes_since(known, now))[:5]
    assert (changed, ids, odds) == ([1, 2], [1], [8.0])


def test_who_knows_no_version_a_higher_one_or_one_that_is_not_noted_must_read_all(now):
    known = version()
    with casino_atomic():
        execute("UPDATE events SET odd = 9")
        rolled_back = version()
        set_rollback(True, using=current_alias())
    assert changes_since(rolled_back, now) == "reload"
    execute("UPDATE events SET odd = 8")
    assert changes_since(known, now) != "reload"
    assert [changes_since(each, now) for each in (None, rolled_back, 0, version() + 1)] == ["reload"] * 4


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE events CASCADE",
        "DELETE FROM offer_version",
        "DELETE FROM offer_changes",
        "UPDATE offer_version SET version = nextval('offer_version_seq')",
        "TRUNCATE events, event_teams, offer_version, offer_changes",
    ],
)
def test_where_the_log_says_too_little_all_must_be_read(statement, now):
    known = version()
    execute("UPDATE events SET odd = 9")
    execute(statement)
    assert changes_since(known, now) == "reload"


def test_where_very_many_events_changed_all_must_be_read(now):
    known = version()
    execute(MANY.format(5000))
    for odd in range(3, 6):
        execute("UPDATE events SET odd = %s WHERE id > 1000", [odd])
    assert changes_since(known, now) != "reload"
    execute("UPDATE events SET odd = 9 WHERE id = 1")
    assert changes_since(known, now) == "reload"


def test_a_change_says_how_much_it_changed():
    execute("UPDATE events SET odd = 9 WHERE id < 3")
    assert str(OfferChange.objects.latest("version")) == f"version {version()}: 2 events"
    execute("TRUNCATE events CASCADE")
    assert str(OfferChange.objects.latest("version")) == f"version {version()}: all events"
    assert not Event.objects.exists()

"""The log of each version's changes of the offer, and its reading."""

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
    [changes] = execute("SELECT offered_changes_since_2(%s, %s)", [known, now])
    return changes


def logged_since(known):
    logged = OfferChange.objects.filter(version__gt=known).order_by("version").values_list("event_ids", flat=True)
    return [ids and sorted(ids) for ids in logged]


@pytest.mark.covered
@pytest.mark.parametrize(
    ("statement", "logged"),
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
def test_a_statement_logs_the_events_that_it_changed(statement, logged):
    if "odd = id" in statement:
        execute("UPDATE events SET id = id + 10")  # no odd may be 1
        logged = [11, 12, 13]
    known = version()
    execute(statement)
    assert logged_since(known) == [logged]
    assert OfferChange.objects.latest("version").version == version()


@pytest.mark.parametrize("statement", ["UPDATE events SET timestamp = now()", "UPDATE events SET odd = odd"])
def test_a_statement_without_changes_logs_nothing(statement):
    known = version()
    execute(statement)
    assert logged_since(known) == []


def test_a_rolled_back_change_is_not_logged():
    known = version()
    with casino_atomic():
        execute("UPDATE events SET odd = 9")
        set_rollback(True, using=current_alias())
    execute("DELETE FROM events WHERE id = 1")
    assert logged_since(known) == [[1]]


def test_each_casino_has_a_log_of_its_own(casino_b):
    known = version()
    with use_casino(casino_b.current, switch=True):
        theirs = version()
        EventFactory.create(id=5)
        assert logged_since(theirs) == [[5]]
    assert logged_since(known) == []


def test_the_log_keeps_the_latest_versions_only(now):
    known = version()
    pruned_at = ((known >> 24) + 2000) // 256 * 256 + 256
    execute("SELECT setval('offer_version_seq', %s, false)", [pruned_at])
    execute("UPDATE events SET odd = 9")
    assert list(OfferChange.objects.values_list("version", flat=True)) == [version()]
    assert version() >> 24 == pruned_at
    assert changes_since(known, now) == "reload"


def test_a_repeated_number_is_another_version(now):
    before = version()
    execute("SELECT setval('offer_version_seq', %s, false)", [before >> 24])
    execute("UPDATE events SET odd = 9")
    assert (version() >> 24, version() == before) == (before >> 24, False)
    execute("DELETE FROM offer_changes WHERE version = %s", [before])
    assert changes_since(before, now) == "reload"


def test_the_current_version_gets_no_changes(now):
    assert changes_since(version(), now) is None


def test_an_older_version_gets_the_changed_open_events_and_all_changed_ids(now):
    known = version()
    for statement in ("odd = 9 WHERE id = 1", "odd = 8 WHERE id = 1", "status = 'SUSPENDED' WHERE id = 2"):
        execute(f"UPDATE events SET {statement}")
    changed, ids, *_, odds = msgspec.json.decode(changes_since(known, now))[:5]
    assert (changed, ids, odds) == ([1, 2], [1], [8.0])


def test_a_missing_higher_or_unlogged_version_must_reload(now):
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
def test_an_incomplete_log_requires_a_reload(statement, now):
    known = version()
    execute("UPDATE events SET odd = 9")
    execute(statement)
    assert changes_since(known, now) == "reload"


def test_very_many_changed_events_require_a_reload(now):
    known = version()
    execute(MANY.format(5000))
    for odd in range(3, 6):
        execute("UPDATE events SET odd = %s WHERE id > 1000", [odd])
    assert changes_since(known, now) != "reload"
    execute("UPDATE events SET odd = 9 WHERE id = 1")
    assert changes_since(known, now) == "reload"


def test_a_log_row_has_the_number_of_changed_events():
    execute("UPDATE events SET odd = 9 WHERE id < 3")
    assert str(OfferChange.objects.latest("version")) == f"version {version()}: 2 events"
    execute("TRUNCATE events CASCADE")
    assert str(OfferChange.objects.latest("version")) == f"version {version()}: all events"
    assert not Event.objects.exists()

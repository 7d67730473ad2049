"""Migration 0025 brings stored text into its normal form, and merges rows that become one."""

import json
import logging
from datetime import UTC, datetime, timedelta
from unicodedata import normalize
from uuid import UUID, uuid5

import pytest
from django.db.migrations.executor import MigrationExecutor

from recommendations.models import CasinoTally, Event, EventTeam, PurchasedCoupon, ServedSlip, Team, User, UserProfile
from recommendations.recommenders.registry import get_recommender
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.load import find
from recommendations.storing import store_events, store_users
from recommendations.tests.factories import OPEN, at, event_row, selection, user_row
from tenants.routing.connections import casino_connection, execute, query
from tenants.routing.context import use_casino

pytestmark = pytest.mark.exhaustive

BEFORE, TEXT = "0022_times_of_statuses_by_earlier_releases", "0025_text_in_normal_form"
COMPOSED, DECOMPOSED = (normalize(form, "Zoë") for form in ("NFC", "NFD"))
HOME, HOME_DECOMPOSED = (normalize(form, "MALMÖ FF") for form in ("NFC", "NFD"))
SEPARATOR = "\x1f"
_NAMESPACE = UUID("6f3f0e4e-6a55-4c0e-9a0e-0b1d6f3c2a11")


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a):
    with use_casino(casino_a.current):
        yield


def migrate(name):
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    MigrationExecutor(casino_connection()).migrate([("recommendations", name)])


def migrate_all():
    executor = MigrationExecutor(casino_connection())
    executor.migrate([node for node in executor.loader.graph.leaf_nodes() if node[0] == "recommendations"])


def former_key(*parts):
    """The key that the release before computed from the text as sent."""
    return uuid5(_NAMESPACE, SEPARATOR.join(parts))


def insert(table, **row):
    columns = ", ".join(row)
    [(row_id,)] = query(
        f"INSERT INTO {table} ({columns}) VALUES ({', '.join(['%s'] * len(row))}) RETURNING id", list(row.values())
    )
    return row_id


def old_user(name, minute=0, *, own_id=None, **changes):
    row = {
        "name": name, "surname": "Test", "birth_year": 1985, "currency": "EUR", "country": "ENGLAND",
        "gender": "FEMALE", "timestamp": at(minute), "favorite_sport": "FOOTBALL", "favorite_league": "",
    }  # fmt: skip
    key = {"id": own_id} if own_id else {"natural_key": former_key("user", name, "Test", "1985", "ENGLAND")}
    user_id = insert("users", **row | key | changes)
    execute("INSERT INTO users_profile (user_id, favorite_sport_league_json) VALUES (%s, '[]')", [user_id])
    return user_id


def old_event(home, away="ÖREBRO", minute=0, *, own_id=None, **changes):
    row = {
        "country": "SWEDEN", "begin_timestamp": OPEN, "end_timestamp": OPEN + timedelta(hours=2), "league": "L",
        "sport": "FOOTBALL", "odd": 2.5, "home_team": home, "away_team": away, "timestamp": at(minute),
    }  # fmt: skip
    natural = former_key("event", "FOOTBALL", "L", home, away, OPEN.isoformat())
    event_id = insert("events", **row | ({"id": own_id} if own_id else {"natural_key": natural}) | changes)
    for team in (home, away):
        execute("INSERT INTO teams (name, sport) VALUES (%s, 'FOOTBALL') ON CONFLICT DO NOTHING", [team])
        execute(
            "INSERT INTO event_teams (event_id, team_id) SELECT %s, id FROM teams WHERE name = %s", [event_id, team]
        )
    return event_id


def old_coupon(user_id, stake=10, **changes):
    listed = json.dumps([selection(**changes)])
    return insert("purchased_coupons", user_id=user_id, stake=stake, timestamp=at(0), recommended_events=listed)


def old_served(user_id, event_id, number):
    events = json.dumps([{"event_id": event_id, "odd": 2.5, "score": None}])
    return insert(
        "served_recommendations", recommendation_id=UUID(int=number), user_id=user_id, timestamp=at(0), events=events,
        recommender="static", asked_for="static", fallback="", model_version="", stake=1, currency="EUR",
    )  # fmt: skip


def test_a_casino_without_rows_is_migrated_and_back():
    migrate(BEFORE)
    migrate(TEXT)
    migrate(BEFORE)
    migrate_all()
    assert not User.objects.exists()


def test_users_in_several_forms_become_one_with_the_strictest_status_and_limits(caplog):
    migrate(BEFORE)
    excluded = old_user(COMPOSED, 1, status="SELF_EXCLUDED", stake_limit=50, birth_date="1985-03-01")
    later = old_user(DECOMPOSED, 5, status="ACTIVE", limit_left=7, birth_date="1985-02-01")
    other = old_user("ZOË", 2, status="TIME_OUT", status_until=at(9), stake_limit=20)
    alone = old_user("Zoe", 3)
    old_coupon(excluded, 10)
    old_coupon(other, 5)
    old_served(excluded, 1, 1)
    with caplog.at_level(logging.INFO, "recommendations.migrations.0025_text_in_normal_form"):
        migrate_all()
    assert sorted(User.objects.values_list("id", flat=True)) == sorted([later, alone])
    user = User.objects.get(id=later)
    assert (user.name, user.status, user.status_until, user.status_as_of) == (COMPOSED, "SELF_EXCLUDED", None, at(5))
    assert [str(each) for each in (user.stake_limit, user.limit_left, user.birth_date)] == [
        "20.00",
        "7.00",
        "1985-03-01",
    ]
    assert set(PurchasedCoupon.objects.values_list("user_id", flat=True)) == {later}
    assert ServedSlip.objects.get().user_id == later
    profile = UserProfile.objects.get(user_id=later)
    assert (profile.coupon_count, str(profile.stake_total), profile.needs_rebuild) == (2, "15.00", True)
    assert f"2 users merged (gone: stays): {other}: {later}, {excluded}: {later}" in caplog.text
    assert not any(form in caplog.text for form in (COMPOSED, DECOMPOSED, "Test"))
    # each form is that user from now on, and an older message lifts nothing
    store_users([user_row(name=DECOMPOSED, surname="TEST", timestamp=at(4), status="ACTIVE")])
    store_users([user_row(name="zoë", surname="Test", timestamp=at(6), country="england")])
    assert User.objects.get(id=later).status == "SELF_EXCLUDED"
    assert User.objects.count() == 2


def test_a_time_out_that_lasts_longer_is_stricter_than_an_exclusion_that_ends():
    migrate(BEFORE)
    old_user(COMPOSED, 1, status="SELF_EXCLUDED", status_until=at(10))
    old_user(DECOMPOSED, 0, status="TIME_OUT", status_until=at(20))
    migrate_all()
    user = User.objects.get()
    assert (user.status, user.status_until) == ("TIME_OUT", at(20))


def test_users_with_ids_of_the_casino_stay_two():
    migrate(BEFORE)
    old_user(COMPOSED, own_id=1, status="SELF_EXCLUDED")
    old_user(DECOMPOSED, own_id=2)
    migrate_all()
    rows = User.objects.order_by("id").values_list("id", "name", "status", "natural_key")
    assert list(rows) == [(1, COMPOSED, "SELF_EXCLUDED", None), (2, COMPOSED, "ACTIVE", None)]


def test_events_in_several_forms_become_one_with_the_strictest_status(now):
    migrate(BEFORE)
    user = old_user("Ann", own_id=1)
    gone = old_event(HOME_DECOMPOSED, minute=0, status="SUSPENDED")
    kept = old_event(HOME, minute=5)
    old_coupon(user, event_id=gone, home_team=HOME_DECOMPOSED, away_team="ÖREBRO", league="L", country="SWEDEN")
    untouched = old_coupon(user)
    old_served(user, gone, 1)
    migrate_all()
    event = Event.objects.get()
    assert (event.pk, event.home_team, event.status) == (kept, HOME, "SUSPENDED")
    assert sorted(Team.objects.values_list("name", flat=True)) == [HOME, "ÖREBRO"]
    assert EventTeam.objects.filter(event=kept).count() == 2
    moved = PurchasedCoupon.objects.exclude(pk=untouched).get().recommended_events[0]
    assert (moved["event_id"], moved["home_team"], moved["odd"]) == (kept, HOME, 2.5)
    assert ServedSlip.objects.get().events[0]["event_id"] == kept
    assert UserProfile.objects.get().needs_rebuild
    # the user's bet counts as one on the event that stays
    request = RecommendationRequest(1, get_recommender("soonest"), now)
    tallies = find([user], now, request.hour).users[user].tallies()
    assert [count for team, count in tallies.counts["home_team"].items() if HOME in team] == [1]
    store_events(
        [
            event_row(
                home_team=HOME_DECOMPOSED,
                away_team="Örebro",
                league="l",
                country="Sweden",
                timestamp=at(4),
                status="OPEN",
            )
        ]
    )
    assert Event.objects.get().status == "SUSPENDED"


def test_an_event_with_an_id_is_renamed_and_one_without_two_teams_is_suspended():
    migrate(BEFORE)
    old_event(HOME_DECOMPOSED, own_id=1)
    old_event(HOME, HOME_DECOMPOSED, own_id=2)
    old_event("\u200b", own_id=3)
    old_event("ARSENAL\u200b", "CHELSEA", own_id=4)
    migrate_all()
    rows = Event.objects.order_by("id").values_list("id", "home_team", "status")
    assert list(rows) == [
        (1, HOME, "OPEN"), (2, HOME, "SUSPENDED"), (3, "\u200b", "SUSPENDED"), (4, "ARSENAL", "OPEN"),
    ]  # fmt: skip
    assert not Team.objects.filter(name__contains="ARSENAL\u200b").exists()
    assert set(Event.objects.get(id=4).teams.values_list("name", flat=True)) == {"ARSENAL", "CHELSEA"}


def test_the_casinos_tallies_of_two_forms_are_added_up():
    migrate(BEFORE)
    gone, kept = old_event(HOME_DECOMPOSED), old_event(HOME, minute=5)
    day = 86_400.0
    sum_of = (
        "INSERT INTO casino_tallies (attribute, value, count, weight, trend, as_of) VALUES (%s, %s, %s, %s, %s, %s)"
    )
    for attribute, value, count, weight, trend, as_of in (
        ("home_team", HOME, 3, 2.0, 2.0, 30 * day),
        ("home_team", HOME_DECOMPOSED, 4, 8.0, 8.0, 0.0),
        ("home_team", "ARSENAL", 1, 1.0, 1.0, 0.0),
        ("event", str(gone), 1, 1.0, 1.0, 0.0),
        ("event", str(kept), 1, 1.0, 1.0, 0.0),
        ("event", SEPARATOR.join(("FOOTBALL", "L", HOME_DECOMPOSED, "ÖREBRO")), 1, 1.0, 1.0, 0.0),
    ):
        execute(sum_of, [attribute, value, count, weight, trend, as_of])
    migrate_all()
    found = {(each.attribute, each.value): each for each in CasinoTally.objects.all()}
    match = SEPARATOR.join(("FOOTBALL", "L", HOME, "ÖREBRO"))
    assert found.keys() == {("home_team", HOME), ("home_team", "ARSENAL"), ("event", str(kept)), ("event", match)}
    team = found["home_team", HOME]
    assert (team.count, team.as_of) == (7, 30 * day)
    assert team.weight == pytest.approx(6.0)  # 8 halved once
    assert team.trend == pytest.approx(2.0, abs=1e-6)  # 8 halved thirty times
    assert found["event", str(kept)].count == 2


def test_rows_of_ascii_text_stay_as_they_are_but_for_the_keys_of_users():
    migrate(BEFORE)
    old_coupon(old_user("Ann", own_id=1_000_001))
    old_user("Bob")
    old_event("ARSENAL", "CHELSEA")
    old_event("LEEDS", "DERBY", own_id=1_000_001)
    events = "SELECT xmin::text, to_jsonb(events) FROM events"
    sql = f"{events} UNION ALL SELECT xmin::text, to_jsonb(coupon) FROM purchased_coupons AS coupon"
    rows = query(sql)
    migrate(TEXT)
    assert query(sql) == rows
    migrate_all()
    store_users([user_row(name="BOB", surname="test", timestamp=at(5))])
    assert User.objects.count() == 2
    assert not UserProfile.objects.filter(needs_rebuild=True).exists()


def test_more_rows_than_a_page_are_brought_along():
    migrate(BEFORE)
    sql = """
        INSERT INTO events (country, begin_timestamp, end_timestamp, league, sport, odd, home_team, away_team)
        SELECT 'X', %s, %s, 'L', 'FOOTBALL', 2, 'A' || U&'\\0308' || n, 'B' FROM generate_series(1, 2500) AS n
    """
    execute(sql, [datetime(2050, 1, 1, tzinfo=UTC), datetime(2050, 1, 2, tzinfo=UTC)])
    migrate_all()
    assert Event.objects.filter(home_team__startswith="Ä").count() == 2_500

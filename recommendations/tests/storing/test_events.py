"""`store_events` and `store_teams` store events, their teams, and the links between them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test.utils import CaptureQueriesContext

from recommendations.models import Event, EventTeam, OfferVersion, Team
from recommendations.storing import Outcome, Result, TeamKey, store_events, store_teams
from recommendations.tests.factories import at, event_row
from tenants.routing.connections import casino_connection
from tenants.routing.context import use_casino

DUPLICATE = Outcome(Result.DUPLICATE)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def football(name, country="ENGLAND", category=""):
    return name, "FOOTBALL", country, category


def handball(name):
    return name, "HANDBALL", "ENGLAND", ""


def teams_of(event_id):
    return set(Team.objects.filter(events__pk=event_id).values_list("name", "sport", "country", "category"))


def test_an_event_is_stored_with_all_fields_and_its_own_id():
    row = event_row(id=7, odd=Decimal("3.141"))
    assert store_events([row]) == [Outcome(Result.STORED, 7)]
    event = Event.objects.get()
    for field in ("id", "country", "league", "sport", "home_team", "away_team", "odd", "begin_timestamp"):
        assert getattr(event, field) == getattr(row, field)
    assert (event.end_timestamp, event.natural_key) == (row.end_timestamp, None)


def test_an_event_is_linked_to_its_two_teams():
    store_events([event_row(id=7)])
    assert teams_of(7) == {football("ARSENAL"), football("CHELSEA")}


def test_a_team_of_two_events_is_one_team():
    store_events([event_row(id=1), event_row(id=2, home_team="CHELSEA", away_team="LEEDS")])
    assert Team.objects.count() == 3
    assert EventTeam.objects.count() == 4


def test_teams_of_the_same_name_in_two_sports_are_two_teams():
    store_events([event_row(id=1), event_row(id=2, sport="HANDBALL")])
    assert Team.objects.filter(name="ARSENAL").count() == 2
    assert teams_of(2) == {handball("ARSENAL"), handball("CHELSEA")}


def test_teams_of_the_same_name_in_two_countries_or_categories_are_two_teams():
    store_events([event_row(id=1), event_row(id=2, country="EUROPE"), event_row(id=3, category="women")])
    assert Team.objects.filter(name="ARSENAL").count() == 3
    assert teams_of(3) == {football("ARSENAL", category="WOMEN"), football("CHELSEA", category="WOMEN")}


@pytest.mark.parametrize(
    ("change", "teams"),
    [
        ({"away_team": "LEEDS"}, {football("ARSENAL"), football("LEEDS")}),
        (
            {"home_team": "YORK", "away_team": "LEEDS"},
            {football("YORK"), football("LEEDS")},
        ),
        (
            {"home_team": "CHELSEA", "away_team": "ARSENAL"},
            {football("ARSENAL"), football("CHELSEA")},
        ),
        ({"sport": "HANDBALL"}, {handball("ARSENAL"), handball("CHELSEA")}),
        ({"country": "EUROPE"}, {football("ARSENAL", "EUROPE"), football("CHELSEA", "EUROPE")}),
        ({"category": "WOMEN"}, {football("ARSENAL", category="WOMEN"), football("CHELSEA", category="WOMEN")}),
    ],
)
def test_changed_teams_replace_the_events_links(change, teams):
    store_events([event_row(id=7), event_row(id=8)])
    assert store_events([event_row(id=7, **change)]) == [Outcome(Result.UPDATED, 7)]
    assert teams_of(7) == teams
    assert teams_of(8) == {football("ARSENAL"), football("CHELSEA")}


@pytest.mark.parametrize("teams", [{}, {"away_team": ""}])
def test_a_change_of_the_odd_alone_writes_no_links(teams):
    store_events([event_row(id=7, **teams)])
    with CaptureQueriesContext(casino_connection()) as queries:
        store_events([event_row(id=7, odd=Decimal("1.9"), **teams)])
    assert not any("INTO event_teams" in each["sql"] for each in queries)


@pytest.mark.parametrize("change", [{"odd": Decimal("1.9")}, {"away_team": "LEEDS"}])
def test_a_lost_link_is_made_again(change):
    store_events([event_row(id=7)])
    EventTeam.objects.filter(team__name="ARSENAL").delete()
    store_events([event_row(id=7, **change)])
    assert teams_of(7) == {football("ARSENAL"), football(change.get("away_team", "CHELSEA"))}


def test_a_changed_odd_is_updated():
    store_events([event_row(id=7), event_row()])
    outcomes = store_events([event_row(id=7, odd=Decimal("1.9")), event_row(odd=Decimal("1.8"))])
    assert [outcome.result for outcome in outcomes] == [Result.UPDATED, Result.UPDATED]
    assert set(Event.objects.values_list("odd", flat=True)) == {Decimal("1.9"), Decimal("1.8")}
    assert EventTeam.objects.count() == 4


def test_a_postponed_event_with_an_id_is_updated():
    store_events([event_row(id=7)])
    later = datetime(2050, 7, 1, tzinfo=UTC)
    store_events([event_row(id=7, begin_timestamp=later, end_timestamp=later + timedelta(hours=2))])
    assert Event.objects.get().begin_timestamp == later


def test_an_unchanged_event_is_a_duplicate():
    store_events([event_row(id=7), event_row()])
    assert store_events([event_row(id=7), event_row(odd=Decimal("2.5000"))]) == [DUPLICATE, DUPLICATE]


def test_the_last_of_several_rows_of_one_event_wins():
    rows = [event_row(id=7, odd=Decimal(odd)) for odd in (2, 3, 4)]
    assert [outcome.result.value for outcome in store_events(rows)] == ["duplicate", "duplicate", "stored"]
    assert Event.objects.get().odd == 4


def test_an_event_without_an_id_is_identified_by_sport_country_league_teams_and_about_its_begin():
    rows = [
        event_row(),
        event_row(country="WALES"),
        event_row(begin_timestamp=datetime(2050, 6, 1, 17, tzinfo=UTC)),
        event_row(league="FA CUP"),
        event_row(home_team="CHELSEA", away_team="ARSENAL"),
    ]
    outcomes = [outcome.result.value for outcome in store_events(rows)]
    assert outcomes == ["duplicate", "stored", "stored", "stored", "stored"]
    assert set(Event.objects.values_list("country", "begin_timestamp__hour")) == {
        ("ENGLAND", 17),
        ("WALES", 18),
        ("ENGLAND", 18),
    }


@pytest.mark.parametrize("highest", [1, 2, 50])
def test_sequence_ids_do_not_collide_with_the_casinos_own(highest):
    store_events([event_row(id=highest)])
    assert store_events([event_row()]) == [Outcome(Result.STORED, highest + 1)]


def test_storing_events_increments_the_offers_version():
    before = OfferVersion.objects.get().version
    store_events([event_row(id=7)])
    assert OfferVersion.objects.get().version > before


def test_stored_teams_stay_unchanged():
    store_teams([TeamKey("ARSENAL", "FOOTBALL", "ENGLAND")] * 2)
    known = Team.objects.get()
    store_teams([TeamKey("LEEDS", "FOOTBALL", "ENGLAND"), TeamKey("ARSENAL", "FOOTBALL", "ENGLAND")])
    assert Team.objects.count() == 2
    assert Team.objects.get(name="ARSENAL") == known


def test_storing_no_teams_changes_nothing():
    store_teams([])
    assert not Team.objects.exists()


def test_an_own_id_taken_by_the_sequence_is_rejected_and_overwrites_no_event():
    [nameless] = store_events([event_row(odd=Decimal("2.5"))])
    assert store_events([event_row(id=nameless.id, odd=Decimal("9.9"))]) == [Outcome(Result.ID_TAKEN)]
    assert Event.objects.get().odd == Decimal("2.5")


def test_a_row_that_is_not_stored_stores_no_teams():
    store_events([event_row(id=7, timestamp=at(2))])
    store_events([event_row(id=7, timestamp=at(1), home_team="YORK"), event_row(id=8)])
    assert not Team.objects.filter(name="YORK").exists()

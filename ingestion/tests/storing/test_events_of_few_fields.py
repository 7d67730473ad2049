"""An event needs sport, begin, and teams or a name; the rest may come later, or never."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ingestion.tests.closing_messages import EVENT, NOW, Feed, ago, ahead, event, user
from ingestion.topics import EVENTS
from recommendations.models import Event, EventTeam, Team
from recommendations.recommenders.registry import get_recommender
from recommendations.services import recommend
from recommendations.serving.engine import RecommendationRequest
from recommendations.serving.options import DEFAULTS, Options
from recommendations.serving.output_schema import apply_schema, parse_schema
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

ID = 900001
BEGIN = datetime.fromisoformat(ahead(days=22))
FEW: dict[str, Any] = {
    "sport": "FOOTBALL",
    "home_team": "A1",
    "away_team": "B1",
    "begin_timestamp": BEGIN.isoformat(),
    "odd": 2.5,
}
KNOWN = FEW | {"id": ID}


@pytest.fixture
def feed(casino_a):
    return Feed(casino_a)


def stored(casino):
    with use_casino(casino.current):
        return Event.objects.get()


def count(casino):
    with use_casino(casino.current):
        return Event.objects.count()


@pytest.mark.parametrize("first", [FEW, KNOWN], ids=["without an id", "with an id"])
def test_sport_teams_and_begin_make_an_event(feed, casino_a, casino_b, first):
    assert feed.events(first) == ["stored"]
    found = stored(casino_a)
    assert (found.country, found.league, found.category) == ("", "", "")
    assert (found.end_timestamp - found.begin_timestamp, found.end_is_estimated) == (timedelta(hours=2), True)
    assert (count(casino_a), count(casino_b)) == (1, 0)


def test_the_same_message_again_changes_nothing(feed, casino_a):
    for message in (FEW, FEW | {"timestamp": ago(days=1)}, FEW):
        feed.events(message)
    assert count(casino_a) == 1


@pytest.mark.parametrize(
    ("sport", "hours"), [("FOOTBALL", 2), ("basketball", 2.5), ("Tennis", 3), ("CURLING", 3), ("GOLF", 96)]
)
def test_a_missing_end_is_the_usual_one_of_the_sport(feed, casino_a, sport, hours):
    feed.events(KNOWN | {"sport": sport})
    assert stored(casino_a).end_timestamp == BEGIN + timedelta(hours=hours)


def test_an_end_sent_later_wins_over_an_estimated_one_and_stays(feed, casino_a):
    feed.events(KNOWN, {"id": ID, "end_timestamp": ahead(days=22, hours=1)}, KNOWN)
    found = stored(casino_a)
    assert (found.end_timestamp, found.end_is_estimated) == (BEGIN + timedelta(hours=1), False)


def test_an_estimated_end_moves_with_the_begin(feed, casino_a):
    feed.events(KNOWN, {"id": ID, "begin_timestamp": ahead(days=25)})
    found = stored(casino_a)
    assert found.begin_timestamp == BEGIN + timedelta(days=3)
    assert found.end_timestamp == BEGIN + timedelta(days=3, hours=2)


def test_a_begin_after_a_sent_end_is_still_a_contradiction(feed):
    feed.events(KNOWN | {"end_timestamp": ahead(days=22, hours=2)})
    assert feed.events({"id": ID, "begin_timestamp": ahead(days=25)}) == ["inconsistent"]
    assert feed.recommended() == set()


def test_an_event_without_an_odd_is_withheld_until_one_is_sent(feed, casino_a):
    without_odd = {name: value for name, value in KNOWN.items() if name != "odd"}
    assert feed.events(without_odd) == ["stored"]
    assert (stored(casino_a).odd, feed.recommended()) == (None, set())
    feed.events({"id": ID, "odd": 3})
    assert (stored(casino_a).odd, feed.recommended()) == (Decimal(3), {1})


def test_a_status_sent_first_closes(feed):
    feed.events({"id": ID, "status": "cancelled", "timestamp": ago(hours=1)}, KNOWN)
    feed.events(KNOWN | {"id": ID + 1, "status": "suspended", "home_team": "A2"})
    assert feed.recommended() == set()


@pytest.mark.parametrize("field", ["sport", "home_team", "away_team", "begin_timestamp"])
@pytest.mark.parametrize("event_id", [{}, {"id": ID}], ids=["without an id", "with an id"])
def test_what_an_unknown_event_lacks_is_reported_by_name(feed, casino_a, field, event_id):
    message = {name: value for name, value in (FEW | event_id).items() if name != field}
    [result] = feed.send(EVENTS, [message])
    assert result.rejection is not None
    assert (result.outcome, result.rejection.field) == ("missing", field)
    assert count(casino_a) == 0


def test_league_and_country_are_added_by_a_later_message(feed, casino_a):
    assert feed.events(FEW) + feed.events(FEW | {"league": "L", "country": "ENGLAND"}) == ["stored", "updated"]
    assert (stored(casino_a).league, stored(casino_a).country) == ("L", "ENGLAND")


def test_a_complete_message_is_about_the_event_of_few_fields_too(feed, casino_a):
    complete = event(1)
    del complete["id"]
    assert feed.events(FEW) + feed.events(complete) == ["stored", "updated"]
    assert (stored(casino_a).league, stored(casino_a).end_is_estimated) == ("L", False)


def test_a_message_of_few_fields_is_about_the_complete_event_too(feed, casino_a):
    complete = event(1)
    del complete["id"]
    assert feed.events(complete) + feed.events(FEW | {"odd": 4}) == ["stored", "updated"]
    assert (stored(casino_a).league, stored(casino_a).odd) == ("L", Decimal(4))


def test_an_older_message_tells_the_league_that_a_later_one_left_out(feed, casino_a):
    feed.events(KNOWN | {"timestamp": ago(hours=2)}, event(1, timestamp=ago(hours=3), odd=9))
    assert (stored(casino_a).league, stored(casino_a).odd) == ("L", Decimal("2.5"))


@pytest.mark.parametrize("field", ["league", "country"])
@pytest.mark.parametrize("nothing", [None, "", " "])
def test_null_and_empty_text_change_nothing(feed, casino_a, field, nothing):
    feed.events(event(1))
    assert feed.events(event(1, odd=3) | {field: nothing}) == ["updated"]
    assert getattr(stored(casino_a), field) == EVENT[field]


def test_teams_of_an_unknown_country_are_linked(feed, casino_a):
    feed.events(KNOWN)
    with use_casino(casino_a.current):
        assert {str(team) for team in Team.objects.filter(events=ID)} == {"A1 (FOOTBALL)", "B1 (FOOTBALL)"}


def test_a_begin_too_late_for_an_end_is_refused_while_it_is_read(feed, settings):
    settings.EVENT_HORIZON_DAYS = 36_500
    assert feed.events(KNOWN | {"begin_timestamp": datetime(2099, 12, 31, 23, tzinfo=UTC).isoformat()}) == [
        "out_of_range"
    ]


def test_events_without_a_league_share_no_league(feed):
    feed.events(
        *(KNOWN | {"id": ID + number, "home_team": f"A{number}", "away_team": f"B{number}"} for number in range(3))
    )
    assert len(feed.recommended(Options(max_per_league=1))) == 3


def test_a_removed_event_is_not_made_again_by_an_older_message(feed):
    feed.events(KNOWN)
    feed.send(EVENTS, [None], keys=[str(ID).encode()], at=NOW)
    assert feed.events(KNOWN | {"timestamp": ago(hours=1)}) == ["stale"]


NAMED: dict[str, Any] = {
    "sport": "GOLF",
    "name": "The Open - Winner",
    "participants": ["Smith", "Jones", "smith"],
    "begin_timestamp": BEGIN.isoformat(),
    "odd": 7,
}


@pytest.mark.parametrize("message", [NAMED, NAMED | {"id": ID}], ids=["without an id", "with an id"])
def test_a_name_makes_an_event_without_teams(feed, casino_a, message):
    assert feed.events(message) + feed.events(message | {"odd": 8}) == ["stored", "updated"]
    found = stored(casino_a)
    assert (found.home_team, found.away_team, str(found)) == ("THE OPEN - WINNER", "", "THE OPEN - WINNER")
    assert (found.participants, found.odd) == (["SMITH", "JONES"], Decimal(8))
    with use_casino(casino_a.current):
        assert not EventTeam.objects.exists()
        assert not Team.objects.exists()


def test_a_one_sided_event_is_renamed_and_its_participants_change(feed, casino_a):
    feed.events(NAMED | {"id": ID}, {"id": ID, "name": "Open", "participants": ["Lee"]})
    assert (stored(casino_a).home_team, stored(casino_a).participants) == ("OPEN", ["LEE"])


@pytest.mark.parametrize("teams", [{"home_team": None, "away_team": None}, {"home_team": "", "away_team": ""}])
def test_teams_of_nothing_are_none(feed, casino_a, teams):
    assert feed.events(NAMED | {"id": ID} | teams) == ["stored"]
    assert stored(casino_a).away_team == ""


@pytest.mark.parametrize("name", ["A1 v B1", 5, None, "x" * 200, {"en": "A1 v B1"}])
def test_beside_teams_a_name_is_of_no_use_and_no_harm(feed, casino_a, name):
    for message in (event(1), KNOWN):
        feed.events(message | {"name": name, "participants": [{"id": 1, "name": "A1"}]})
    feed.events({"id": ID, "odd": 3, "name": "A1 v B1", "participants": ["A1", "B1"]})
    assert (stored(casino_a).home_team, stored(casino_a).away_team, feed.recommended()) == ("A1", "B1", {1})


def test_a_name_and_one_team_lack_the_other(feed):
    [result] = feed.send(EVENTS, [NAMED | {"home_team": "Smith"}])
    assert result.rejection is not None
    assert (result.outcome, result.rejection.field) == ("missing", "away_team")


@pytest.mark.parametrize("participants", ["Smith", [1], ["x" * 101], ["A"] * 301, [None], {}])
def test_unreadable_participants_withhold_a_one_sided_event(feed, casino_a, participants):
    feed.events(NAMED | {"id": ID})
    feed.events({"id": ID, "participants": participants})
    assert stored(casino_a).is_withheld


def test_a_race_of_one_name_in_another_league_is_another_race(feed, casino_a):
    race = NAMED | {"sport": "HORSE RACING", "name": "Race 1", "country": "ENGLAND"}
    feed.events(race | {"id": ID, "league": "ASCOT"}, race | {"id": ID + 1, "league": "YORK"})
    with use_casino(casino_a.current):
        assert [each.same_match_ids for each in Event.objects.order_by("id")] == [None, None]


def test_a_response_has_the_name_and_the_participants(feed, casino_a):
    feed.events(NAMED | {"id": ID}, event(2))
    feed.users(user(1))
    request = RecommendationRequest(casino_a.pk, get_recommender("soonest"), NOW, DEFAULTS)
    fields = {"title": {"type": "string", "source_field": "name"}, "participants": "list", "away_team": "string"}
    schema = parse_schema({"bets": {"type": "list", "source_field": "recommended_events", "fields": fields}})
    with use_casino(casino_a.current):
        [answer] = recommend(request, [800_001])
    bets = apply_schema(schema, answer)["bets"]
    assert sorted(bets, key=lambda bet: bet["title"]) == [
        {"title": "A2 - B2", "participants": ["A2", "B2"], "away_team": "B2"},
        {"title": "THE OPEN - WINNER", "participants": ["SMITH", "JONES"], "away_team": ""},
    ]

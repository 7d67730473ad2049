"""The page *Prices*: events with markets, and the ladder of one of them with the gate's reasons."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.pages.prices import EVENTS_A_PAGE, LINES_A_PAGE
from recommendations.models import Event, EventStatus, MarketLine, Producer
from recommendations.tests.factories import EventFactory
from recommendations.tests.prices.market_rows import LIVE, PREMATCH, market, producer
from tenants.routing.context import use_casino

from .conftest import HOSTILE, count_queries, staff_client, text_of

URL = "/casinos/1/prices/"
EVENT = 900_007  # no id of a sequence
PAST = datetime(2026, 1, 1, tzinfo=UTC)
TOTALS = {"OVER": 1.91, "UNDER": 1.95}


@pytest.fixture
def match(casino_a, casino_b):
    """An event of casino A; casino B has markets for an event of the same id."""
    with use_casino(casino_b.current):
        EventFactory.create(id=EVENT, home_team="OF BETA")
        market(EVENT, {"OF BETA": 2.0}, name="OF BETA")
    casino_a.options = {"feed_silence_seconds": 600}
    casino_a.save()
    with use_casino(casino_a.current):
        event = EventFactory.create(id=EVENT, home_team="ARSENAL", away_team="CHELSEA")
        market(EVENT)
    return event


def lines(client, **query):
    shown = client.get(URL, {"event": EVENT, **query}).context["shown"]
    return [(each.market, each.line, [outcome.code for outcome in each.outcomes]) for each in shown]


@pytest.mark.covered
def test_events_with_markets_are_listed_by_begin_with_their_open_producers(staff, match, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(home_team="WITHOUT MARKETS")
        sooner = EventFactory.create(begin_timestamp=now + timedelta(hours=1), league="SERIE A")
        market(sooner.pk, TOTALS, name="TOTALS", line="2.5")
        market(sooner.pk, TOTALS, name="TOTALS", line="3.5", code=LIVE)
        over = EventFactory.create(begin_timestamp=now - timedelta(hours=4), end_timestamp=now - timedelta(hours=2))
        market(over.pk)
        Event.objects.filter(pk=EVENT).update(offered_by=0)
    found = staff.get(URL).context["events"]
    assert [(each.event.pk, each.lines, each.producers) for each in found] == [
        (sooner.pk, 2, ("LIVE", "PREMATCH")),
        (EVENT, 1, ()),
    ]
    assert "WITHOUT MARKETS" not in text_of(staff, URL)
    assert "OF BETA" not in text_of(staff, URL)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("text", "found"), [("arsenal", 1), ("premier chelsea", 1), (str(EVENT), 1), ("leeds", 0), ("\0", 1), ("%", 0)]
)
def test_events_are_found_by_id_team_and_league(staff, match, text, found):
    assert [each.event.pk for each in staff.get(URL, {"q": text}).context["events"]] == [EVENT] * found


@pytest.mark.covered
def test_list_of_events_is_paged(staff, match, casino_a):
    with use_casino(casino_a.current):
        for event in EventFactory.create_batch(EVENTS_A_PAGE):
            market(event.pk)
    first, second = staff.get(URL).context, staff.get(URL, {"page": 2}).context
    assert (len(first["events"]), first["next_page"], first["previous_page"]) == (EVENTS_A_PAGE, 2, 0)
    assert (len(second["events"]), second["next_page"], second["previous_page"]) == (1, None, 1)
    for page in ("0", "x", "-1", "9" * 30):
        assert staff.get(URL, {"page": page}).status_code == 200


def test_casino_without_markets_is_told_where_they_come_from(staff, casino_a):
    assert "This casino has no events with markets" in text_of(staff, URL)
    assert "No event with markets matches" in text_of(staff, f"{URL}?q=x")


def test_ladder_shows_every_outcome_with_its_odd_and_why_it_is_closed(staff, match, casino_a, now):
    with use_casino(casino_a.current):
        market(EVENT, TOTALS, name="TOTALS", line="10.5", status="suspended")
        market(EVENT, {"OVER": 2.05, "UNDER": 0.0}, name="TOTALS", line="2.5")
        market(EVENT, {"YES": 3.0}, name="PENALTY", as_of=now - timedelta(days=40))
        market(EVENT, {"YES": 3.0}, name="RED CARD", code=LIVE)
        Producer.objects.filter(code=LIVE).update(closed_by_hand=True)
    assert lines(staff) == [
        ("1X2", "", ["open"] * 3),
        ("PENALTY", "", ["stale"]),
        ("RED CARD", "", ["feed_closed"]),
        ("TOTALS", "2.5", ["open", "closed"]),
        ("TOTALS", "10.5", ["suspended"] * 2),
    ]
    page = text_of(staff, f"{URL}?event={EVENT}")
    for text in ("ARSENAL", "2.05", "no odd", "feed closed", "PREMATCH", "suspended"):
        assert text in page, text
    assert "OF BETA" not in page


def test_ladder_uses_the_casinos_options(staff, match, casino_a):
    casino_a.options = {"feed_silence_seconds": 600, "min_odd": 2.0, "blocked": {"markets": ["TOTALS"]}}
    casino_a.save()
    with use_casino(casino_a.current):
        market(EVENT, TOTALS, name="TOTALS", line="2.5")
    assert lines(staff) == [("1X2", "", ["out_of_range", "open", "open"]), ("TOTALS", "2.5", ["blocked"] * 2)]


def test_ladder_is_filtered_by_market_and_state(staff, match, casino_a):
    with use_casino(casino_a.current):
        market(EVENT, TOTALS, name="TOTALS", line="2.5", status="suspended")
        market(EVENT, TOTALS, name="TOTALS", line="3.5")
    assert [each[:2] for each in lines(staff, market="tot")] == [("TOTALS", "2.5"), ("TOTALS", "3.5")]
    assert [each[:2] for each in lines(staff, market="TOT", code="open")] == [("TOTALS", "3.5")]
    assert [each[:2] for each in lines(staff, code="suspended")] == [("TOTALS", "2.5")]
    assert len(lines(staff, code="\0")) == 3
    assert lines(staff, market="nothing") == []
    assert staff.get(URL, {"event": EVENT, "market": "TOT"}).context["names"] == ["1X2", "TOTALS"]


@pytest.mark.covered
def test_a_large_event_is_paged_and_takes_the_same_number_of_queries(staff, match, casino_a):
    staff.get(URL, {"event": EVENT})
    few = count_queries(staff, f"{URL}?event={EVENT}")
    with use_casino(casino_a.current):
        for number in range(LINES_A_PAGE + 10):
            market(EVENT, TOTALS, name="TOTALS", line=f"{number}.5")
    assert count_queries(staff, f"{URL}?event={EVENT}") == few
    assert (len(lines(staff)), len(lines(staff, page=2))) == (LINES_A_PAGE, 11)
    assert [each[1] for each in lines(staff, market="TOTALS", page=2)] == [f"{number}.5" for number in range(50, 60)]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": EventStatus.SUSPENDED}, "status is SUSPENDED"),
        ({"is_withheld": True}, "The event is withheld"),
        ({"begin_timestamp": PAST}, "live_events is off"),
        ({"begin_timestamp": PAST, "end_timestamp": PAST + timedelta(hours=2)}, "is over"),
        ({"offered_by": None}, "never had markets"),
    ],
)
def test_ladder_says_why_nothing_of_the_event_is_served(staff, match, casino_a, changes, problem):
    with use_casino(casino_a.current):
        Event.objects.filter(pk=EVENT).update(**changes)
    page = text_of(staff, f"{URL}?event={EVENT}")
    assert "No price of this event is served" in page
    assert problem in page


def test_line_that_cannot_be_read_is_counted(staff, match, casino_a):
    with use_casino(casino_a.current):
        market(EVENT, TOTALS, name="TOTALS", line="2.5", odds=[1_910])
    assert [each[0] for each in lines(staff)] == ["1X2"]
    assert "1 market line can&#x27;t be read" in text_of(staff, f"{URL}?event={EVENT}").replace("'", "&#x27;")


def test_hostile_texts_of_messages_are_escaped(staff, match, casino_a):
    with use_casino(casino_a.current):
        MarketLine.objects.create(market=HOSTILE, line=HOSTILE, outcomes=[HOSTILE])
        market(EVENT, {HOSTILE: 2.0}, name=HOSTILE, line=HOSTILE)
        Producer.objects.filter(code=PREMATCH).update(name=HOSTILE)
        Event.objects.filter(pk=EVENT).update(home_team=HOSTILE, league=HOSTILE)
    page = (
        text_of(staff, f"{URL}?event={EVENT}&market={HOSTILE}")
        + text_of(staff, f"{URL}?q={HOSTILE}")
        + text_of(staff, URL)
    )
    assert page.count("&lt;script&gt;alert(1)") >= 6
    assert HOSTILE not in page


@pytest.mark.parametrize("event", ["4", "0", "-1", "x", "9" * 19, "9" * 40, "\0"])
def test_unknown_event_shows_the_list(staff, match, event):
    answer = staff.get(URL, {"event": event})
    assert answer.status_code == 200
    assert len(answer.context["events"]) == 1


@pytest.mark.covered
def test_page_requires_the_admins_permission_for_events(match):
    assert "ARSENAL" in text_of(staff_client("recommendations.view_event"), f"{URL}?event={EVENT}")
    other = staff_client("recommendations.view_user")
    assert other.get(URL).status_code == 403
    assert "/prices/" not in text_of(other, "/casinos/1/")


def test_unavailable_casino_shows_the_reason(staff, match, casino_a):
    casino_a.schema_version = "older"
    casino_a.save()
    assert "is not migrated" in text_of(staff, f"{URL}?event={EVENT}")


def test_producer_of_a_line_may_be_unknown(staff, match, casino_a):
    with use_casino(casino_a.current):
        producer(LIVE)
        market(EVENT, TOTALS, name="TOTALS", line="2.5", producer=29)
    assert lines(staff)[1] == ("TOTALS", "2.5", ["feed_closed"] * 2)

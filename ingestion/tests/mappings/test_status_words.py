"""A casino's own words for a status, an option of the catalogue, in messages."""

import pytest
from django.db import DatabaseError
from django.db.transaction import atomic, set_rollback

from ingestion.errors import AllDatabasesUnavailable
from ingestion.mappings.status_words import read_own_words
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.reading import odds_row_of
from ingestion.tests.closing_messages import NOW, event, user
from ingestion.tests.database_outages import execute
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.topics import EVENTS, ODDS, USERS
from recommendations.validation.rows import EventRow, UserRow
from tenants.models import Casino

WORDS = {
    "status_words": {
        "events": {"läuft": "OPEN", "verlegt": "SUSPENDED"},
        "users": {"gesperrt": "CLOSED"},
        "markets": {"frei": "open", "angehalten": "suspended"},
    }
}


@pytest.fixture
def own(casino_a, casino_b):
    Casino.objects.filter(pk=casino_a.pk).update(options=WORDS)


def decode(topic, *values, casino=1):
    messages = decoded_messages(topic, *values, casino=casino)
    read_own_words(topic, messages, TimeBounds.at(NOW))
    return [message.content for message in messages]


def test_own_words_are_read_as_their_status(own, django_assert_num_queries):
    with django_assert_num_queries(1):
        rows = decode(EVENTS, event(1, status="Läuft"), event(2, status="verlegt"), event(3, status="open"))
    assert {type(row) for row in rows} == {EventRow}
    assert [row.status for row in rows] == ["OPEN", "SUSPENDED", "OPEN"]
    [row] = decode(USERS, user(1, status="Gesperrt"))
    assert isinstance(row, UserRow)
    assert row.status == "CLOSED"


def market(status, outcome_status="open"):
    return {"market": "1X2", "status": status, "outcomes": [{"outcome": "HOME", "odd": 2, "status": outcome_status}]}


def odds_of(content):
    odds = odds_row_of(content)
    assert odds is not None
    return odds


def markets_of(content):
    """The statuses and odds of the markets in an event or a message of `odds`."""
    return [(each.status, *each.odds) for each in odds_of(content).markets]


@pytest.mark.parametrize("topic", [EVENTS, ODDS])
def test_own_words_for_markets_and_outcomes_are_read_as_their_status(own, topic, django_assert_num_queries):
    def message(number, status, outcome_status="open"):
        fields = {"producer": "LIVE", "markets": [market(status, outcome_status)]}
        return event(number, **fields) if topic is EVENTS else {"event_id": number} | fields

    values = [
        message(1, "Frei"),
        message(2, "angehalten"),
        message(3, "open", "angehalten"),
        message(4, "frei", "frei"),
    ]
    with django_assert_num_queries(1):
        contents = decode(topic, *values, message(5, "läuft"))
    assert [markets_of(each)[0] for each in contents] == [
        ("open", 2000), ("suspended", 2000), ("open", 0), ("open", 2000), ("closed", 2000),
    ]  # fmt: skip
    assert [odds_of(each).unread is not None for each in contents] == [False, False, False, False, True]
    [another_casinos] = decode(topic, values[0], casino=2)
    assert markets_of(another_casinos) == [("closed", 2000)]


def test_own_words_for_an_event_and_its_markets_are_read_at_once(own):
    [row] = decode(EVENTS, event(1, status="läuft", producer="LIVE", markets=[market("frei")]))
    assert row.status == "OPEN"
    assert markets_of(row) == [("open", 2000)]


def test_usual_words_need_no_query(own, django_assert_num_queries):
    with django_assert_num_queries(0):
        decode(EVENTS, event(1, status="postponed"), event(2), event(3, odd=None), b"{")


def test_another_casinos_words_are_unknown(own):
    [content] = decode(EVENTS, event(1, status="läuft"), casino=2)
    assert isinstance(content, Rejection)
    assert [change.status for change in content.changes] == ["SUSPENDED"]


def test_a_word_that_nobody_knows_closes(own):
    [content] = decode(EVENTS, event(1, status="vielleicht"))
    assert isinstance(content, Rejection)
    assert [change.status for change in content.changes] == ["SUSPENDED"]


def test_without_the_catalogue_nothing_is_decided_and_the_messages_are_read_again(own):
    with atomic():
        with pytest.raises(DatabaseError):
            execute("default", "SELECT 1 / 0")  # each further query of this transaction fails
        with pytest.raises(AllDatabasesUnavailable):
            decode(EVENTS, event(1, status="läuft"))
        set_rollback(True)
    [row] = decode(EVENTS, event(1, status="läuft"))
    assert row.status == "OPEN"


@pytest.mark.parametrize(
    "options",
    [{"status_words": {"events": {"läuft": 5}}}, {"status_words": None}, {"status_words": {"x": 1}}, "x", [1]],
)
def test_a_casinos_unreadable_options_stop_no_other_casino(own, options):
    Casino.objects.filter(pk=2).update(options=options)
    messages = [
        *decoded_messages(EVENTS, event(1, status="läuft"), casino=2),
        *decoded_messages(EVENTS, event(1, status="läuft")),
    ]
    read_own_words(EVENTS, messages, TimeBounds.at(NOW))
    rejection, row = [message.content for message in messages]
    assert isinstance(rejection, Rejection)
    assert [change.status for change in rejection.changes] == ["SUSPENDED"]
    assert isinstance(row, EventRow)


def test_options_of_a_later_release_leave_the_words_known(own):
    Casino.objects.filter(pk=1).update(options=WORDS | {"of_a_later_release": {"any": 1}})
    [row] = decode(EVENTS, event(1, status="läuft"))
    assert row.status == "OPEN"

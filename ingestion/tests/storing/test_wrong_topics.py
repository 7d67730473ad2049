"""A message in the topic of another kind changes no row of that kind to a state that permits more."""

import pytest

from ingestion.tests.closing_messages import Feed, ago, event, user
from ingestion.tests.sample_messages import coupon
from recommendations.models import User
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

LATER = {"timestamp": ago(days=9)}


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0), event(1, odd=None), event(2, status="suspended"))
    feed.users(user(1, status="self_excluded"), user(2))
    feed.users(b'{"id": 800002,')
    return feed


def test_an_event_among_the_users_activates_nobody(feed, casino_a):
    sent = [
        event(1, id=800001, status="open", country="FRANCE") | LATER,
        {"id": 800001, "status": "open", "home_team": "A"} | LATER,
        event(2, id=800002) | LATER,
        coupon() | {"id": 800002} | LATER,
    ]
    assert feed.users(*sent) == ["inconsistent"] * len(sent)
    assert feed.shown_bets([1, 2]) == set()
    with use_casino(casino_a.current):
        assert User.objects.get(id=800001).country == "ENGLAND"


def test_a_user_among_the_events_opens_nothing(feed):
    sent = [
        user(1, id=900001, status="open"),
        user(2, id=900002, status="active"),
        {"id": 900002, "status": "open", "birth_year": 1985},
        coupon() | {"id": 900002, "odd": 2.5, "status": "open"},
    ]
    assert feed.events(*sent) == ["inconsistent"] * len(sent)
    assert feed.recommended() == {0}


def test_a_complete_message_may_have_more_fields(feed):
    assert feed.users(user(3, home_team="A", begin_timestamp=1)) == ["stored"]
    assert feed.events(event(3, surname="B", gender="men")) == ["stored"]
    assert feed.events({"id": 900003, "odd": 3, "gender": "men", "name": "A - B"}) == ["updated"]


def test_one_message_is_about_a_hundred_rows_at_most(feed):
    feed.events(*(event(number, timestamp=ago(hours=9)) for number in range(3, 120)))
    feed.events(b"{" + b", ".join(b'"id": %d' % (900_000 + number) for number in range(3, 120)))
    assert feed.recommended() == {0, *range(103, 120)}

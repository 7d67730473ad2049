"""Users are excluded and events closed by messages in any order and dated ahead, from the message to the slip."""

from datetime import timedelta
from itertools import permutations

import pytest

from ingestion.storing.transaction import store_messages
from ingestion.tests.decoded_messages import decoded_message
from ingestion.tests.kafka_client import NOW
from ingestion.tests.sample_messages import event, user
from ingestion.topics import EVENTS, USERS
from recommendations.models import Event, User
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered


def sent(topic, offset, value, *, seconds_ago=0, ahead=timedelta(0), **changes):
    """A message sent `seconds_ago`; its timestamp, if `ahead` is given, is so far ahead of that."""
    at = NOW - timedelta(seconds=seconds_ago)
    body = None if value is None else value | {"timestamp": (at + ahead).isoformat()}
    return decoded_message(topic, body, offset=offset, sent_at=round(at.timestamp() * 1_000), **changes)


def store(casino, topic, *batches):
    for batch in batches:
        results = store_messages(topic, casino, batch, NOW, lambda rejected: pytest.fail(str(list(rejected))))
        assert len(results) == len(batch)


def offered(casino):
    """The ids of the events shown to user 7."""
    with use_casino(casino.current):
        answer = recommend(casino_id=casino.pk, recommender_type="static", user_id=7, now=NOW)
    return {each.event_id for each in answer.recommended_events}


@pytest.fixture
def casino(casino_a):
    store(casino_a, USERS, [sent(USERS, 0, user(), seconds_ago=3_600)])
    store(casino_a, EVENTS, [sent(EVENTS, 0, event(id=5), seconds_ago=3_600)])
    assert offered(casino_a) == {5}
    return casino_a


AHEAD = timedelta(hours=20)
TOGETHER = pytest.mark.parametrize("together", [True, False])


def batches_of(messages, together):
    return [messages] if together else [[message] for message in messages]


@TOGETHER
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_excluded_user_is_shown_no_bets(casino, together, order):
    values = [
        (user(country="Spain"), 10, AHEAD),
        (user(status="active"), 30, AHEAD),
        (user(status="self_excluded"), 20, timedelta(0)),
    ]
    messages = [
        sent(USERS, offset, value, seconds_ago=seconds_ago, ahead=ahead_of_sending)
        for offset, (value, seconds_ago, ahead_of_sending) in enumerate((values[place] for place in order), start=1)
    ]
    store(casino, USERS, *batches_of(messages, together))
    assert offered(casino) == set()
    with use_casino(casino.current):
        stored = User.objects.get()
        assert (stored.status, stored.country) == ("SELF_EXCLUDED", "SPAIN")


@TOGETHER
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_closed_event_is_not_recommended(casino, together, order):
    values = [
        (event(id=5, odd=2.6), 10, AHEAD),
        (event(id=5, status="open"), 30, AHEAD),
        (event(id=5, status="cancelled"), 20, timedelta(0)),
    ]
    messages = [
        sent(EVENTS, offset, value, seconds_ago=seconds_ago, ahead=ahead_of_sending)
        for offset, (value, seconds_ago, ahead_of_sending) in enumerate((values[place] for place in order), start=1)
    ]
    store(casino, EVENTS, *batches_of(messages, together))
    assert offered(casino) == set()
    with use_casino(casino.current):
        assert (Event.objects.get().status, float(Event.objects.get().odd or 0)) == ("CANCELLED", 2.6)


@TOGETHER
def test_a_removal_is_not_held_up_by_a_date_ahead(casino, together):
    messages = [
        sent(EVENTS, 1, event(id=5), seconds_ago=10, ahead=AHEAD),
        sent(EVENTS, 2, None, seconds_ago=5, key=b"5"),
    ]
    store(casino, EVENTS, *batches_of(messages, together))
    assert offered(casino) == set()


def test_a_lifted_exclusion_shows_bets_again(casino):
    store(
        casino,
        USERS,
        [sent(USERS, 1, user(status="self_excluded"), seconds_ago=20)],
        [sent(USERS, 2, user(status="active"), seconds_ago=10)],
    )
    assert offered(casino) == {5}


@TOGETHER
def test_a_corrected_birth_year_that_makes_a_user_under_age_shows_no_bets(casino, together):
    messages = [
        sent(USERS, 1, user(birth_date="1985-05-05"), seconds_ago=20),
        sent(USERS, 2, user(birth_year=NOW.year - 14), seconds_ago=10),
    ]
    store(casino, USERS, *batches_of(messages, together))
    assert offered(casino) == set()


def test_a_closed_account_with_a_past_end_is_shown_no_bets(casino):
    past = (NOW - timedelta(hours=1)).isoformat()
    store(casino, USERS, [sent(USERS, 1, user(status="closed", status_until=past), seconds_ago=7_200)])
    assert offered(casino) == set()

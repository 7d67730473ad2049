"""A user's age in a message restricts the user, also in a partial or rejected message."""

from datetime import date
from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed, ago, event, user
from recommendations.models import User
from tenants.routing.context import use_casino

MINOR = {"birth_year": 2015, "birth_date": "2015-01-01"}
YOUNG: list[dict[str, Any]] = [
    MINOR | {"currency": "$"}, {"birth_year": 2015, "currency": "$"}, MINOR | {"favorite_sport": "x" * 51},
    {"birth_year": "2015"}, {"birth_year": 2015.0}, {"birth_year": ""}, {"birth_year": []}, {"birth_year": 20150101},
    {"birth_date": "2015-01-01"}, {"birth_date": "01/02/2015"}, {"birth_date": "2015-13-01"}, {"birth_year": 2099},
]  # fmt: skip
OF_AGE: list[dict[str, Any]] = [
    {"currency": "$"}, {"birth_date": "1985-03-01", "currency": "$"}, {"birth_date": None, "gender": 5},
]  # fmt: skip


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0))
    return feed


def test_a_rejected_message_of_an_age_that_may_not_bet_withholds_the_user(feed):
    ages = [*YOUNG, *OF_AGE]
    numbers = range(1, len(ages) + 1)
    feed.users(*(user(number) for number in numbers))
    assert feed.shown_bets(numbers) == set(numbers)
    messages = [user(number, **each, timestamp=ago(days=9)) for number, each in zip(numbers, ages, strict=True)]
    assert {"stored", "updated"}.isdisjoint(feed.users(*messages))
    assert feed.shown_bets(numbers) == set(numbers[len(YOUNG) :])
    feed.users(*(user(number, timestamp=ago(days=8)) for number in numbers))
    assert feed.shown_bets(numbers) == set(numbers)


def test_a_birth_date_alone_tells_the_year_too(feed, casino_a):
    feed.users(user(1), user(2))
    known = {"timestamp": ago(days=9)}
    assert feed.users({"id": 800001, "birth_date": "2015-01-01"} | known) == ["updated"]
    assert feed.shown_bets([1, 2]) == {2}
    with use_casino(casino_a.current):
        stored = User.objects.get(id=800001)
    assert (stored.birth_year, stored.birth_date) == (2015, date(2015, 1, 1))
    assert feed.users({"id": 800002, "birth_date": "1885-01-01"} | known) == ["out_of_range"]


def test_a_birth_year_of_null_makes_a_known_age_unknown_until_it_is_sent_again(feed):
    feed.users(user(1, birth_date="1985-03-01"))
    assert feed.users({"id": 800001, "birth_year": None, "timestamp": ago(days=9)}) == ["updated"]
    feed.users(user(1, timestamp=ago(days=10)))
    assert feed.shown_bets([1]) == set()
    feed.users(user(1, timestamp=ago(days=8)))
    assert feed.shown_bets([1]) == {1}


def test_a_birth_date_that_arrives_before_its_user_counts(feed):
    assert feed.users({"id": 800001, "birth_date": "2015-01-01", "timestamp": ago(days=9)}) == ["stored"]
    assert feed.users(user(1), user(2)) == ["updated", "stored"]
    assert feed.shown_bets([1, 2]) == {2}

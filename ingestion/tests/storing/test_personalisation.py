"""`personalisation` of user messages: unclear consent counts as none."""

import json
from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed, ago, user
from ingestion.topics import USERS
from recommendations.models import User
from tenants.routing.context import use_casino

BEFORE, LATER = ago(days=15), ago(days=10)
ALLOWED: list[Any] = [True, 1, "true", "TRUE", " Yes ", "1", "t"]
REFUSED: list[Any] = [False, 0, None, "", " ", "false", "No", "0", "f"]
UNREADABLE: list[Any] = ["maybe", "granted?", -1, "-1", 2, 1.5, [], [True], {}, {"value": True}, "\u0000", "x" * 200]


@pytest.fixture
def feed(casino_a, casino_b):
    Feed(casino_b).users(user(1))
    return Feed(casino_a)


def stored(casino, number=1):
    with use_casino(casino.current):
        return User.objects.get(id=800_000 + number).personalisation


@pytest.mark.parametrize("is_complete", [True, False])
@pytest.mark.parametrize("before", [{}, {"personalisation": True}, {"personalisation": False}], ids=str)
def test_each_form_is_read_and_nothing_unclear_is_consent(feed, casino_a, casino_b, is_complete, before):
    values = dict(enumerate((*ALLOWED, *REFUSED, *UNREADABLE), start=1))
    feed.users(*(user(number, timestamp=BEFORE, **before) for number in values))
    outcomes = feed.users(
        *(
            (user(number) if is_complete else {"id": 800_000 + number}) | {"timestamp": LATER, "personalisation": value}
            for number, value in values.items()
        )
    )
    readable = len(ALLOWED) + len(REFUSED)
    assert [stored(casino_a, number) for number in values] == [number <= len(ALLOWED) for number in values]
    assert outcomes == ["updated"] * readable + ["wrong_type"] * len(UNREADABLE)
    assert stored(casino_b)


def test_a_message_without_it_changes_nothing(feed, casino_a):
    feed.users(user(1, timestamp=BEFORE, personalisation=False), user(1, timestamp=LATER), {"id": 800_001, "name": "X"})
    assert not stored(casino_a)


def test_a_refusal_beside_fields_that_can_not_be_read_counts(feed, casino_a):
    feed.users(user(1, timestamp=BEFORE))
    assert feed.users(user(1, timestamp=LATER, gender=5, personalisation=False)) == ["wrong_type"]
    assert not stored(casino_a)


def test_a_refusal_of_an_unknown_user_waits_for_the_user(feed, casino_a):
    feed.users(user(2, timestamp=BEFORE, gender=5, personalisation="?"), user(2, timestamp=LATER))
    assert not stored(casino_a, 2)


@pytest.mark.parametrize("name", ["personalisation", "Personalisation", "personalis\\u0061tion"])
def test_of_two_different_values_the_refusal_counts(feed, casino_a, name):
    body = json.dumps(user(1, personalisation=True))
    feed.send(USERS, [f'{body[:-1]}, "{name}": false}}'.encode()])
    assert not stored(casino_a)
    body = json.dumps(user(1, personalisation=True, timestamp=LATER))
    feed.send(USERS, [f'{body[:-1]}, "{name}": true}}'.encode()])
    assert stored(casino_a), "said twice alike"


def test_a_casino_that_does_not_offer_the_users_currency_keeps_the_refusal(feed, casino_a):
    feed.users(user(1, timestamp=BEFORE))
    feed.configure(catalogue={"currencies": ["EUR"]})
    feed.users(user(1, timestamp=LATER, personalisation=False), user(3, timestamp=BEFORE, personalisation=False))
    feed.configure()
    feed.users(user(3, timestamp=LATER))
    assert (stored(casino_a), stored(casino_a, 3)) == (False, False)

"""Damaged messages whose id may be another row's: no other user is restricted for good, and the key's row is not left
open."""

import json
from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed, ago, event, user
from recommendations.models import User
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow


def reversed_json(message: dict[str, Any]) -> bytes:
    """The message as JSON with the id last."""
    return json.dumps(dict(reversed(message.items()))).encode()


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0), *(event(number, timestamp=ago(hours=9)) for number in range(1, 30)))
    feed.users(*(user(number) for number in range(1, 30)))
    return feed


def status_of(casino, number):
    with use_casino(casino.current):
        return User.objects.get(id=800_000 + number).status


def test_an_id_that_may_be_cut_withholds_and_the_key_decides(feed, casino_a):
    cut = reversed_json(user(12, status="self_excluded", id=8_000_120))[:-2]  # reads as user 12
    assert cut.endswith(b"800012")
    feed.users(cut, keys=[b"800001"])
    assert feed.shown_bets([1, 2, 12]) == {2}
    assert status_of(casino_a, 12) == "ACTIVE"
    feed.users(user(12, timestamp=ago(days=1)))
    assert feed.shown_bets([1, 2, 12]) == {2, 12}


def test_an_id_at_the_end_that_the_key_confirms_is_certain(feed, casino_a):
    feed.users(reversed_json(user(3, status="self_excluded"))[:-1], keys=[b"800003"])
    assert status_of(casino_a, 3) == "SELF_EXCLUDED"


def test_the_id_of_an_inner_object_does_not_stand_for_that_of_the_message(feed):
    cut = json.dumps({"league": {"id": 900_005}, "status": "suspended", "sport": "FOOTBALL"}).encode()[:-2]
    feed.events(cut, keys=[b"900004"])
    assert not feed.recommended() & {4, 5}
    feed.events(event(5))
    assert 5 in feed.recommended()


def test_another_id_in_the_key_of_a_broken_message_counts_too(feed, casino_a):
    broken = b'{"id": 800,006, "status": "self_excluded"}', b'{"id": 80000"7, "status": "closed"}', b'{"id": 800009,}'
    feed.users(*broken, keys=[b"800006", b"800007", b"800008"])
    assert feed.shown_bets(range(1, 11)) == {1, 2, 3, 4, 5, 10}
    assert status_of(casino_a, 9) == "ACTIVE"


def test_an_id_in_another_form_is_read(feed):
    forms: list[Any] = ["9.00001e5", "9.00002E+5", "900003.00", '"900004.0"', '"+900005"', '" 900006\\n"', "[900007]"]
    forms += ['["900008"]', '{"$numberLong": "900009"}', '{"$numberLong":900010}']
    start = json.dumps(event(0, status="suspended")).encode()
    feed.events(*(start.replace(b"900000", form.encode()) for form in forms))
    assert not feed.recommended() & set(range(1, len(forms) + 1))
    assert feed.recommended() >= {0, *range(len(forms) + 1, 30)}


def test_no_id_is_read_into_what_is_none(feed):
    forms = ["-900001", "900001.5", '"sr:match:900001"', "[900001, 900002]", "9e999", '"' + "0" * 60_000 + '1"']
    start = json.dumps(event(0, status="suspended")).encode()
    feed.events(*(start.replace(b"900000", form.encode()) for form in forms))
    assert feed.recommended() >= set(range(30))


def test_names_of_fields_are_read_as_converters_from_csv_write_them(feed):
    names = [" status", "Status ", "\tSTATUS", "\ufeffstatus"]
    feed.events(*({"\ufeffid": 900_000 + number, name: "suspended"} for number, name in enumerate(names, start=1)))
    feed.events({" id": 900_005, "status": "open", " status": "suspended"}, {"id": 900_006, "odd": 3, " odd": 2})
    feed.events({" status": "suspended", "id": 900_007, "status": "open"}, {"id": 900_008, " id": 900_009, "odd": 3})
    assert not feed.recommended() & set(range(1, 10))
    assert feed.recommended() >= {0, *range(10, 30)}


def test_digits_with_leading_zeros_are_an_id_of_their_own(feed):
    feed.events(event(1, status="suspended") | {"id": "0900001"})
    assert feed.recommended() >= set(range(30))

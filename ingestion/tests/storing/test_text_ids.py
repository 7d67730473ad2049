"""Messages whose ids are text, through decoding and storing: they close and restrict as those with numbers."""

from typing import Any

import pytest

from ingestion.tests.closing_messages import Feed, ago, event, user
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import coupon
from ingestion.tests.sample_messages import user as sample_user
from ingestion.topics import COUPONS, USERS
from recommendations.models import Event, PurchasedCoupon, TextId, User
from recommendations.text_ids import Kind, id_of
from tenants.routing.context import use_casino

from .test_ledger import store
from .test_transaction import trigger

E1, E2, U1 = "sr:match:1", "sr:match:2", "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(*(event(number, id=own, timestamp=ago(hours=9)) for number, own in enumerate((E1, E2), start=1)))
    feed.users(user(1, id=U1))
    return feed


def stored(casino, own):
    with use_casino(casino.current):
        return Event.objects.get(pk=id_of(Kind.EVENTS, own) or 0)


def stored_user(casino, own=U1):
    with use_casino(casino.current):
        return User.objects.get(pk=id_of(Kind.USERS, own) or 0)


def test_a_partial_message_changes_its_event_alone(feed, casino_a):
    assert feed.events({"id": E1, "status": "suspended"}) == ["updated"]
    assert (stored(casino_a, E1).status, stored(casino_a, E2).status) == ("SUSPENDED", "OPEN")


def test_a_message_that_contradicts_its_event_withholds_it_alone(feed, casino_a):
    assert feed.events({"id": E1, "end_timestamp": ago(days=300)}, {"id": E2, "odd": 3}) == ["inconsistent", "updated"]
    assert (stored(casino_a, E1).is_withheld, stored(casino_a, E2).is_withheld) == (True, False)


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ({"id": E1, "status": "settled", "odd": []}, None),
        (b'{"id": "sr:match:1", "status": "settled", }', b"sr:match:1"),
        (b"{'id': 'sr:match:1', 'status': 'settled', }", None),
        (b'{"status": "settled", "sport": ', b"sr:match:1"),
        (b'{"status": "settled", "sport": ', b'"sr:match:1"'),
    ],
)
def test_a_rejected_message_closes_its_event(feed, casino_a, value, key):
    feed.events(value, keys=[key])
    assert (stored(casino_a, E1).status, stored(casino_a, E2).status) == ("SETTLED", "OPEN")


@pytest.mark.parametrize("given", [b'["sr:match:1"]', b'{"$oid": "sr:match:1"}', b'" sr:match:1 "'])
def test_an_id_in_another_form_withholds_its_event(feed, casino_a, given):
    feed.events(b'{"status": "suspended", "id": ' + given + b"}")
    assert stored(casino_a, E1).is_withheld
    assert not stored(casino_a, E2).is_withheld


def test_an_id_that_is_cut_is_that_of_no_other_event(feed, casino_a):
    feed.events(event(3, id="sr:match:12"))
    feed.events(b'{"status": "settled", "id": "sr:match:1', keys=[b"sr:match:12"])
    assert (stored(casino_a, E1).status, stored(casino_a, "sr:match:12").status) == ("OPEN", "SETTLED")


def test_a_rejected_message_restricts_its_user(feed, casino_a):
    feed.users({"id": U1, "status": "self_excluded", "birth_year": "?"})
    assert stored_user(casino_a).status == "SELF_EXCLUDED"


def test_an_exclusion_before_the_user_holds(feed, casino_a):
    feed.users(user(2, id="later", status="closed", country=7))
    feed.users(user(2, id="later"))
    assert stored_user(casino_a, "later").status == "CLOSED"


def test_an_id_in_two_forms_is_one_id(feed, casino_a):
    feed.events(event(7))
    assert feed.events(b'{"id": 900007, "ID": "900007", "status": "suspended"}') == ["updated"]
    assert feed.events(b'{"id": 900007, "ID": "sr:match:1", "status": "suspended"}') == ["inconsistent"]


def test_a_tombstone_removes_its_row(feed, casino_a):
    assert [result.outcome for result in feed.send(USERS, [None], keys=[U1.encode()])] == ["removed"]
    with use_casino(casino_a.current):
        assert not User.objects.exists()


def test_a_coupon_holds_the_events_that_it_names(feed, casino_a):
    bet = [event(1) | {"event_id": E1}, {"event_id": E2, "home_team": "CUT"}]
    message = coupon(id="C-1", user_id=U1, recommended_events=bet)
    assert store(casino_a, decoded_messages(COUPONS, message), topic=COUPONS) == ["stored_in_part"]
    with use_casino(casino_a.current):
        stored_coupon = PurchasedCoupon.objects.get()
        assert stored_coupon.recommended_events[0]["event_id"] == id_of(Kind.EVENTS, E1)
        assert stored_coupon.unread_selections == [
            {"number": 1, "code": "missing", "field": "sport", "event_id": id_of(Kind.EVENTS, E2)}
        ]


@pytest.mark.django_db(**IN_PROCESSES)
def test_texts_of_a_refused_batch_are_assigned_again(casino_a):
    """The rollback removes the texts of the batch from the dictionary; the rows stored after it have numbers that are
    in the dictionary."""
    batch = [sample_user(id=f"u{number}", name="Refused" if number == 3 else "Ada") for number in range(7)]
    letters: list[Any] = []
    with trigger("IF NEW.name = 'Refused' THEN RAISE check_violation; END IF;"):
        outcomes = store(casino_a, decoded_messages(USERS, *batch), send_to_dead_letters=letters.extend)
    assert outcomes == ["stored"] * 3 + ["refused_by_database"] + ["stored"] * 3
    assert [letter.envelope.place.offset for letter in letters] == [3]
    with use_casino(casino_a.current):
        numbers = dict(TextId.objects.values_list("text", "pk"))
        assert {numbers[f"u{number}"] for number in (0, 1, 2, 4, 5, 6)} == set(
            User.objects.values_list("pk", flat=True)
        )


def test_ids_of_which_nothing_is_stored_fill_no_dictionary(feed, casino_a):
    feed.configure(catalogue={"sports": ["CURLING"]})
    assert feed.events(event(3, id="skipped"), {"id": "partial", "odd": 2.5}) == ["skipped", "skipped"]
    feed.configure()
    assert feed.events({"id": "partial", "odd": 2.5}) == ["missing"]
    with use_casino(casino_a.current):
        assert set(TextId.objects.values_list("text", flat=True)) == {E1, E2, U1}

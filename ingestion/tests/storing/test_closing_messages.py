"""Closings of events and restrictions of users have an effect with any other content: from the message to
the slip.

Each table is sent in one batch: message n of a table is about event or user n.
"""

from datetime import datetime
from typing import Any

import pytest

from ingestion.tests.closing_messages import EVENT, USER, Feed, ago, ahead, event, user
from recommendations.models import User, WaitingChange
from recommendations.serving.options import Options
from recommendations.validation.status_words import EVENT_WORDS, USER_WORDS
from tenants.routing.context import use_casino

pytestmark = pytest.mark.slow

LONG = "x" * 101
LIVE_TOO = Options(live_events=True)


@pytest.fixture
def feed(casino_a):
    feed = Feed(casino_a)
    feed.events(event(0))
    return feed


def known_events(feed, count):
    numbers = range(1, count + 1)
    feed.events(*(event(number, timestamp=ago(hours=9)) for number in numbers))
    assert feed.recommended() >= set(numbers)
    return numbers


def known_users(feed, count):
    numbers = range(1, count + 1)
    feed.users(*(user(number) for number in numbers))
    assert feed.shown_bets(numbers) == set(numbers)
    return numbers


NO_PRICE: list[Any] = [None, 0, 1, 1.0, 0.0001, -2, "0", "1.00", "-", "--", "", "off", "OFF", "OTB", "N/A", "Off board"]
UNREADABLE_PRICE: list[Any] = ["2,5", "2.5.1", "abc", True, [2.5], {"a": 2.5}, 10**9, "+150", "11/10"]
DAMAGED_FIELDS: list[dict[str, Any]] = [
    {"end_timestamp": []}, {"end_timestamp": "soon"}, {"begin_timestamp": None}, {"begin_timestamp": "9999-01-01"},
    {"home_team": None}, {"away_team": ""}, {"home_team": "B", "away_team": "B"}, {"league": LONG}, {"league": 5},
    {"country": 7}, {"sport": "x" * 51}, {"sport": None}, {"odd": None}, {"odd": "abc"}, {"odd": 0}, {"odd": True},
    {"timestamp": "yesterday"}, {"timestamp": ahead(days=900)}, {"league": "a\u0000b"}, {"country": [1]},
    {"end_timestamp": ahead(days=21)},
]  # fmt: skip


def test_an_event_without_a_usable_price_is_no_dead_letter_and_not_recommended(feed):
    numbers = known_events(feed, len(NO_PRICE) + 1)
    values = [event(number, odd=odd) for number, odd in zip(numbers, NO_PRICE, strict=False)]
    absent = {name: value for name, value in event(len(numbers)).items() if name != "odd"}
    assert feed.events(*values, absent) == ["updated"] * len(numbers)
    assert feed.recommended() == {0}


def test_an_event_with_an_unreadable_price_is_a_dead_letter_and_not_recommended(feed):
    numbers = known_events(feed, len(UNREADABLE_PRICE))
    codes = feed.events(*(event(number, odd=odd) for number, odd in zip(numbers, UNREADABLE_PRICE, strict=True)))
    assert set(codes) == {"wrong_type", "out_of_range"}
    assert feed.recommended() == {0}


@pytest.mark.covered
@pytest.mark.parametrize("status", ["suspended", "cancelled", "settled"])
def test_a_closing_event_is_closed_whatever_else_cannot_be_read(feed, status):
    numbers = known_events(feed, len(DAMAGED_FIELDS))
    feed.events(*(event(n, status=status, **damage) for n, damage in zip(numbers, DAMAGED_FIELDS, strict=True)))
    feed.events(*(event(number) for number in numbers))  # readable again, without a status
    assert feed.recommended() == {0}
    assert {feed.event(number).status for number in numbers} == {status.upper()}


def test_what_cannot_be_read_about_an_event_withholds_it_until_the_next_readable_message(feed):
    numbers = known_events(feed, len(DAMAGED_FIELDS))
    feed.events(*(event(number, **damage) for number, damage in zip(numbers, DAMAGED_FIELDS, strict=True)))
    assert feed.recommended() == {0}
    feed.events(*({"id": 900_000 + number, "league": "OTHER"} for number in numbers))
    assert feed.recommended() == {0}, "a message without a price opens nothing"
    feed.events(*({"id": 900_000 + number, "odd": 2.2} for number in numbers))
    assert feed.recommended() == {0, *numbers}


def test_a_price_does_not_open_an_event_that_the_casino_suspended(feed):
    known_events(feed, 1)
    feed.events(event(1, status="suspended"), event(1, odd=None), event(1, odd=2.2), {"id": 900001, "odd": 2.3})
    assert feed.recommended() == {0}
    feed.events({"id": 900001, "status": "open"})
    assert feed.recommended() == {0, 1}


def test_each_word_for_the_status_of_an_event_has_its_meaning(feed):
    words = [*EVENT_WORDS, *(word.upper() for word in EVENT_WORDS), " Not-Started ", "in_play", "First half", "FT_PEN"]
    numbers = known_events(feed, len(words))
    outcomes = feed.events(*(event(number, status=word) for number, word in zip(numbers, words, strict=True)))
    assert set(outcomes) <= {"updated", "stale", "duplicate"}
    meant = dict(zip(numbers, [EVENT_WORDS[w.lower().translate({32: "", 45: "", 95: ""})] for w in words], strict=True))
    assert feed.recommended() == {0, *(number for number, status in meant.items() if status == "OPEN")}
    is_bettable = {"OPEN", "LIVE"}
    assert feed.recommended(LIVE_TOO) == {0, *(number for number, status in meant.items() if status in is_bettable)}


UNKNOWN_WORDS: list[Any] = [
    "Foo",
    "opened?",
    "öffnet",
    "",
    " ",
    "-",
    1,
    0,
    True,
    False,
    [],
    {},
    ["open"],
    LONG,
    "open\u0000",
]


def test_an_unknown_word_never_leaves_an_event_open(feed):
    numbers = known_events(feed, len(UNKNOWN_WORDS))
    codes = feed.events(*(event(number, status=word) for number, word in zip(numbers, UNKNOWN_WORDS, strict=True)))
    assert set(codes) <= {"unknown_value", "wrong_type", "too_long"}
    feed.events(*(event(number) for number in numbers))
    assert feed.recommended() == {0}


def test_an_unknown_word_never_leaves_a_user_active(feed):
    numbers = known_users(feed, len(UNKNOWN_WORDS))
    feed.users(*(user(number, status=word) for number, word in zip(numbers, UNKNOWN_WORDS, strict=True)))
    feed.users(*(user(number, timestamp=ago(days=26)) for number in numbers))
    assert feed.shown_bets(numbers) == set()


def test_each_word_for_the_status_of_a_user_has_its_meaning(feed):
    words = [*USER_WORDS, "self-excluded", "SelfExcluded", "self excluded", "Cooling_Off"]
    numbers = known_users(feed, len(words))
    outcomes = feed.users(*(user(number, status=word) for number, word in zip(numbers, words, strict=True)))
    assert set(outcomes) <= {"updated", "duplicate"}
    meant = [USER_WORDS[word.lower().translate({32: "", 45: "", 95: ""})] for word in words]
    assert feed.shown_bets(numbers) == {n for n, status in zip(numbers, meant, strict=True) if status == "ACTIVE"}


DAMAGED_USERS: list[dict[str, Any]] = [
    {}, {"status_until": ahead(days=180)}, {"status_until": ""}, {"status_until": "permanent"},
    {"status_until": "01/06/2027"}, {"status_until": True}, {"status_until": [1]}, {"currency": "$"},
    {"gender": None}, {"favorite_sport": None}, {"favorite_sport": "x" * 51}, {"name": LONG}, {"surname": None},
    {"name": ""}, {"birth_year": "1985"}, {"birth_year": None}, {"birth_date": "05.05.1985"}, {"country": None},
    {"timestamp": None}, {"timestamp": "then"}, {"stake_limit": "much"}, {"id": "800001"}, {"name": "a\u0000b"},
]  # fmt: skip


@pytest.mark.covered
@pytest.mark.parametrize("status", ["self_excluded", "time_out", "closed", "blocked", "whatever"])
def test_a_restricted_user_is_shown_no_bets_whatever_else_cannot_be_read(feed, status):
    numbers = known_users(feed, len(DAMAGED_USERS))
    values = [user(number, status=status) | damage for number, damage in zip(numbers, DAMAGED_USERS, strict=True)]
    for number, value in zip(numbers, values, strict=True):
        value["id"] = str(800_000 + number) if isinstance(value["id"], str) else value["id"]
    feed.users(*values)
    feed.users(*(user(number, timestamp=ago(days=26)) for number in numbers))
    assert feed.shown_bets(numbers) == set()


def test_an_unreadable_end_is_none(feed, casino_a):
    known_users(feed, 2)
    codes = feed.users(
        user(1, status="self_excluded", status_until="permanent"), user(2, status="time_out", status_until="soon")
    )
    assert codes == ["wrong_type", "wrong_type"]
    with use_casino(casino_a.current):
        assert list(User.objects.order_by("id").values_list("status", "status_until")) == [
            ("SELF_EXCLUDED", None),
            ("TIME_OUT", None),
        ]


def test_a_partial_message_changes_what_it_has(feed, casino_a):
    known_events(feed, 3)
    known_users(feed, 2)
    assert (
        feed.events(
            {"id": 900001, "status": "suspended"}, {"id": 900002, "odd": 2.1}, {"id": 900003, "country": "SPAIN"}
        )
        == ["updated"] * 3
    )
    assert (
        feed.users(
            {"id": 800001, "status": "self_excluded"}, {"id": 800002, "country": "Spain", "favorite_sport": None}
        )
        == ["updated"] * 2
    )
    assert feed.recommended() == {0, 2, 3}
    assert (float(feed.event(2).odd), feed.event(2).home_team, feed.event(3).country) == (2.1, "A2", "SPAIN")
    assert feed.shown_bets([1, 2]) == {2}
    with use_casino(casino_a.current):
        assert User.objects.filter(id=800002).values_list("name", "country", "favorite_sport").get() == (
            "Ann 2",
            "SPAIN",
            "",
        )


def test_a_message_of_an_id_alone_changes_nothing(feed):
    known_events(feed, 1)
    known_users(feed, 1)
    assert feed.events({"id": 900001}) == ["stale"]
    feed.users({"id": 800001})
    assert (feed.recommended(), feed.shown_bets([1])) == ({0, 1}, {1})


def test_a_partial_message_about_an_unknown_row_is_rejected_by_the_missing_field(feed):
    results = feed.events(
        {"id": 900077, "status": "suspended"}, {"id": 900078, "odd": 2.1}, {"id": 900079, "odd": None}
    )
    assert results == ["missing"] * 3
    assert feed.users({"status": "closed"}, {"name": "Ann", "status": "closed"}) == ["missing"] * 2


def test_null_is_refused_by_name_where_a_field_must_be_known(feed):
    known_events(feed, 1)
    known_users(feed, 1)
    assert feed.events({"id": 900001, "begin_timestamp": None}) == ["wrong_type"]
    assert feed.users({"id": 800001, "stake_limit": 50, "name": 5}) == ["wrong_type"]
    assert feed.shown_bets([1]) == {1}, "nothing in the message restricts"


def test_a_change_that_contradicts_the_stored_event_is_a_dead_letter_and_withholds_it(feed):
    known_events(feed, 3)
    late = ahead(days=22, hours=3)
    values = [{"id": 900001, "begin_timestamp": late}, {"id": 900002, "home_team": "B2"}]
    assert feed.events(*values, {"id": 900003, "begin_timestamp": late, "status": "cancelled"}) == ["inconsistent"] * 3
    assert feed.recommended() == {0}
    feed.events(event(1), event(2), event(3))
    assert feed.recommended() == {0, 1, 2}
    assert feed.event(3).status == "CANCELLED"


def test_an_older_complete_message_undoes_no_later_partial_one(feed):
    known_events(feed, 4)
    feed.events(
        {"id": 900001, "status": "suspended", "timestamp": ago(hours=2)},
        {"id": 900002, "odd": 1.5, "timestamp": ago(hours=2)},
        {"id": 900003, "end_timestamp": ahead(days=22, hours=3), "timestamp": ago(hours=2)},
        {"id": 900004, "odd": None, "timestamp": ago(hours=2)},
    )
    feed.events(*(event(number, status="open", league="NEW", timestamp=ago(hours=3)) for number in (1, 2, 3, 4)))
    assert feed.recommended() == {0, 2, 3}
    assert float(feed.event(2).odd) == 1.5
    assert feed.event(3).end_timestamp == datetime.fromisoformat(ahead(days=22, hours=3))
    assert feed.event(2).league == "NEW", "a price makes no other field stale"


def test_a_partial_message_makes_no_older_closing_stale(feed):
    known_events(feed, 1)
    feed.events(
        {"id": 900001, "odd": 1.5, "timestamp": ago(hours=2)}, event(1, status="cancelled", timestamp=ago(hours=3))
    )
    assert feed.recommended() == {0}


def test_a_partial_restriction_is_not_lifted_by_a_tombstone_of_before(feed):
    known_users(feed, 1)
    feed.users({"id": 800001, "status": "self_excluded", "timestamp": ago(days=8)})
    feed.send_removal(800001)
    feed.users(user(1, timestamp=ago(days=7)))
    assert feed.shown_bets([1]) == set()


LIMITS: list[tuple[Any, str]] = [
    ("7.996", "7.996"), ("7.999999999", "7.99999999"), ("8.00", "8.00"), (0.009, "0.009"), (0, "0.00"), (-5, "0.00"),
    ("-0.01", "0.00"),
    ("much", "0.00"), ("", "0.00"), (True, "0.00"), ([], "0.00"), (1e300, "0.00"),
]  # fmt: skip


@pytest.mark.parametrize("limit", ["stake_limit", "limit_left"])
def test_a_limit_is_exact_to_eight_decimals_and_an_unreadable_one_is_reached(feed, casino_a, limit):
    numbers = known_users(feed, len(LIMITS))
    feed.users(*(user(number, **{limit: value}) for number, (value, _) in zip(numbers, LIMITS, strict=True)))
    with use_casino(casino_a.current):
        stored = User.objects.order_by("id").values_list(limit, flat=True)
        assert [str(amount) for amount in stored] == [amount for _, amount in LIMITS]
    assert feed.shown_bets(numbers) == {1, 2, 3}


def test_no_limit_in_a_message_that_restricts_nothing_lifts_a_limit(feed, casino_a):
    known_users(feed, 1)
    feed.users(user(1, limit_left=0), user(1, limit_left=None, currency="$", timestamp=ago(days=26)))
    assert feed.shown_bets([1]) == set()


IDS: list[Any] = ["900001", "900002", 900003.0, "900004.0", " 900005 "]


def test_a_message_with_its_id_in_another_form_closes(feed):
    numbers = known_events(feed, len(IDS))
    known_users(feed, len(IDS))
    shifted = [str(row_id).replace("9000", "8000") for row_id in IDS]
    feed.events(*(event(1, status="cancelled") | {"id": row_id} for row_id in IDS))
    feed.users(*(user(1, status="closed") | {"id": row_id} for row_id in shifted))
    assert feed.recommended() == {0}
    assert feed.shown_bets(numbers) == set()


@pytest.mark.parametrize("name", ["Status", "STATUS", "sTatus"])
def test_the_case_of_a_name_leaves_nothing_open(feed, name):
    known_events(feed, 2)
    known_users(feed, 2)
    feed.events(event(1, **{name: "suspended"}), event(2, status="open", **{name: "suspended"}))
    feed.users(user(1, **{name: "self_excluded"}), user(2, status="active", **{name: "closed"}))
    assert feed.recommended() == {0}
    assert feed.shown_bets([1, 2]) == set()


def test_an_event_and_a_user_without_ids_are_closed_by_their_other_fields(feed, casino_a):
    an_event, a_user = ({name: value for name, value in each.items() if name != "id"} for each in (EVENT, USER))
    feed.events(an_event)
    feed.users(a_user)
    assert len(feed.recommended()) == 2
    feed.events(an_event | {"status": "cancelled", "end_timestamp": None})
    feed.users(a_user | {"status": "self-excluded", "currency": "SEK"})
    assert feed.recommended() == {0}
    with use_casino(casino_a.current):
        assert User.objects.get().status == "SELF_EXCLUDED"


def test_other_rows_and_the_other_casino_stay_as_they_are(feed, casino_b):
    known_events(feed, 2)
    other = Feed(casino_b)
    other.events(event(1))
    feed.events(event(1, status="cancelled", league=LONG), b'{"id":900001,"sport":"FOOT', b"no JSON")
    assert feed.recommended() == {0, 2}
    assert other.recommended() == {1}


def test_an_event_without_an_id_is_closed_by_a_message_with_another_begin_or_of_which_little_can_be_read(feed):
    def without_id(number, **changes):
        return {name: value for name, value in event(number, **changes).items() if name != "id"}

    later = {"begin_timestamp": ahead(days=23), "end_timestamp": ahead(days=23, hours=2)}
    closings: list[dict[str, Any]] = [
        {"status": "postponed", "odd": None, **later},
        {"status": "cancelled", **later, "end_timestamp": None},
        {"status": "suspended", "begin_timestamp": None},
        {"odd": None, **later},
        {"status": "postponed", "begin_timestamp": "to be announced", "country": None},
        {"status": "suspended", "league": LONG},
        {"status": "banana", **later},
        {"odd": "abc", **later, "country": 7},
    ]
    numbers = range(1, len(closings) + 1)
    feed.events(*(without_id(number) for number in numbers))
    before = feed.recommended()
    assert len(before) == len(closings) + 1
    feed.events(*(without_id(number, **closing) for number, closing in zip(numbers, closings, strict=True)))
    assert feed.recommended() == {0}


def test_a_closing_without_an_id_closes_no_other_fixture(feed):
    others = [
        {"home_team": "B7", "away_team": "A7"}, {"country": "WALES"}, {"league": "L2"}, {"category": "women"},
        {"begin_timestamp": ahead(days=32), "end_timestamp": ahead(days=32, hours=2)},
    ]  # fmt: skip
    without_ids = [{name: value for name, value in event(7, **each).items() if name != "id"} for each in ({}, *others)]
    feed.events(*without_ids)
    feed.events({**without_ids[0], "odd": None})
    assert len(feed.recommended()) == 1 + len(others)


def test_a_restriction_that_arrives_before_its_user_waits_for_it(feed):
    early: list[tuple[dict[str, Any], bool]] = [
        ({"status": "self_excluded"}, False),
        ({"status": "self-excluded", "currency": "SEK"}, False),
        ({"status": "banana"}, False),
        ({"limit_left": "0.009"}, False),
        ({"limit_left": 100}, True),
        ({"status": "time_out", "status_until": ahead(days=1)}, False),
        ({"status": "time_out", "status_until": ago(hours=2)}, False),
        ({"status": "active"}, True),
    ]
    numbers = range(1, len(early) + 1)
    feed.users(*({"id": 800_000 + number} | changes for number, (changes, _) in zip(numbers, early, strict=True)))
    feed.users(*(user(number, timestamp=ago(hours=5)) for number in numbers))
    assert feed.shown_bets(numbers) == {n for n, (_, is_shown) in zip(numbers, early, strict=True) if is_shown}


def test_the_latest_of_several_early_restrictions_counts_and_a_later_row_with_a_status_ends_it(feed):
    feed.users(*({"id": 800_000 + number, "status": "closed"} for number in (1, 2, 3)))
    feed.users({"id": 800_001, "status": "active"})
    feed.send_removal(800_003)
    feed.users(user(1), user(2, status="active", timestamp=ago(minutes=1)), user(3))
    assert feed.shown_bets([1, 2, 3]) == {1, 2}


def test_of_early_restrictions_of_one_time_the_strictest_counts_and_an_unreadable_one_withholds(feed, casino_a):
    statuses = ["closed", "time_out", "active", "self_excluded", "time_out"]
    for status in statuses:
        feed.users({"id": 800_001, "status": status, "timestamp": ago(hours=2)})
    feed.users({"id": 800_002, "limit_left": 100, "currency": "$"})
    with use_casino(casino_a.current):
        assert WaitingChange.objects.filter(key="800002").update(change={"limit_left": "?"}) == 1
    feed.users(user(1), user(2))
    assert feed.shown_bets([1, 2]) == set()
    with use_casino(casino_a.current):
        assert User.objects.get(id=800_001).status == "CLOSED"
    feed.users(user(2, timestamp=ago(minutes=1)))
    assert feed.shown_bets([1, 2]) == {2}


def test_a_closing_that_arrives_before_its_event_waits_for_it(feed):
    feed.events(
        {"id": 900_001, "status": "suspended"}, event(2, odd="abc"), {"id": 900_003, "status": "open"},
        event(4, status="cancelled", league=LONG),
    )  # fmt: skip
    feed.events(*(event(number, timestamp=ago(hours=5)) for number in (1, 2, 3, 4)))
    assert feed.recommended() == {0, 3}
    feed.events(event(2))
    assert feed.recommended() == {0, 2, 3}

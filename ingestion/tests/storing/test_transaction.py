"""Storing one casino's messages: rows that PostgreSQL refuses are found, and all others stored. Rows are really
committed."""

from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.db import connections

from ingestion.errors import DeadLettersFull
from ingestion.models import MessageCount
from ingestion.tests.decoded_messages import decoded_messages
from ingestion.tests.manage_processes import IN_PROCESSES
from ingestion.tests.sample_messages import SELECTION, coupon, user, without
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User, UserProfile, WaitingCoupon
from recommendations.tests.factories import UserFactory
from tenants.routing.context import use_casino

from .test_ledger import counts, offsets, store, users

pytestmark = [pytest.mark.django_db(**IN_PROCESSES), pytest.mark.slow]

MAX_STAKE_TOTAL = Decimal("9999999999999999.99")  # the highest of users_profile.stake_total


def execute(sql, *parameters, alias="casino_1"):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def trigger(body, *, table="users", when="BEFORE INSERT", kind="TRIGGER", alias="casino_1"):
    """A trigger for each row, whose body is in PL/pgSQL."""
    run = partial(execute, alias=alias)
    run(f"CREATE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$")
    deferred = "DEFERRABLE INITIALLY DEFERRED" if kind == "CONSTRAINT TRIGGER" else ""
    run(f"CREATE {kind} meddle {when} ON {table} {deferred} FOR EACH ROW EXECUTE FUNCTION meddle()")
    run("CREATE SEQUENCE trigger_calls")
    try:
        yield
    finally:
        connections[alias].close()
        run("DROP FUNCTION meddle CASCADE")
        run("DROP SEQUENCE trigger_calls")


def trigger_calls():
    """The trigger's number of calls, rolled back ones included."""
    [(last, is_called)] = execute("SELECT last_value, is_called FROM trigger_calls")
    return last if is_called else 0


def ids(casino):
    with use_casino(casino.current):
        return set(User.objects.values_list("id", flat=True))


@pytest.fixture
def user_7(casino_a):
    with use_casino(casino_a.current):
        UserFactory(id=7)
        UserFactory(id=666)
        UserProfile.objects.create(user_id=666, stake_total=MAX_STAKE_TOTAL)


@pytest.mark.no_cover
@pytest.mark.parametrize(
    "bad_rows",
    [
        {0, 977, 1999},
        pytest.param({0, 1, 2}, marks=pytest.mark.exhaustive),
        pytest.param({1000, 1001, 1998}, marks=pytest.mark.exhaustive),
    ],
)
def test_three_of_2000_coupons_refused_by_postgresql_are_dead_letters(casino_a, user_7, bad_rows):
    batch = [coupon(id=1 + place, user_id=666 if place in bad_rows else 7, stake=2) for place in range(2000)]
    letters: list[Any] = []
    outcomes = store(casino_a, decoded_messages(COUPONS, *batch), topic=COUPONS, send_to_dead_letters=letters.extend)
    assert {place for place, outcome in enumerate(outcomes) if outcome != "stored"} == bad_rows
    assert {letter.envelope.place.offset for letter in letters} == bad_rows
    assert len(letters) == 3
    for letter in letters:
        assert (letter.rejection.code, letter.rejection.sqlstate) == ("refused_by_database", "23514")
        assert "profile_stake_total_in_range" in letter.rejection.detail
        assert letter.rejection.attempts > 10
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.count() == PurchasedCoupon.objects.filter(user_id=7).count() == 1997
        profile = UserProfile.objects.get(user_id=7)
        assert UserProfile.objects.get(user_id=666).stake_total == MAX_STAKE_TOTAL
    assert (profile.coupon_count, int(profile.stake_total)) == (1997, 2 * 1997)
    assert sorted(counts(casino_a).values()) == [3, 1997]
    assert store(casino_a, decoded_messages(COUPONS, *batch), topic=COUPONS) == ["repeated"] * 2000


def test_all_refused_rows_are_dead_letters(casino_a):
    letters: list[Any] = []
    with trigger("RAISE EXCEPTION USING MESSAGE = 'none ' || NEW.id;"):
        assert set(store(casino_a, users(0, 7), send_to_dead_letters=letters.extend)) == {"refused_by_database"}
    details = [(letter.rejection.sqlstate, letter.rejection.detail) for letter in letters]
    assert details == [("P0001", f"none {number}") for number in range(1, 8)]
    assert ids(casino_a) == set()


@pytest.mark.parametrize("bad_rows", [{3}, {0, 8}])
def test_row_refused_by_a_deferred_constraint_is_found(casino_a, bad_rows):
    body = f"IF NEW.id - 1 IN ({', '.join(map(str, bad_rows))}) THEN RAISE unique_violation; END IF;"
    letters: list[Any] = []
    with trigger(body, when="AFTER INSERT", kind="CONSTRAINT TRIGGER"):
        outcomes = store(casino_a, users(0, 9), send_to_dead_letters=letters.extend)
    assert {place for place, outcome in enumerate(outcomes) if outcome == "refused_by_database"} == bad_rows
    assert {letter.envelope.place.offset for letter in letters} == bad_rows
    assert ids(casino_a) == {1 + place for place in range(9)} - {1 + place for place in bad_rows}


def test_undecodable_and_refused_messages_have_different_codes(casino_a):
    letters: list[Any] = []
    batch = decoded_messages(USERS, b"{", user(id=1), user(id=2), user(id=-3))
    with trigger("IF NEW.id = 2 THEN RAISE check_violation; END IF;"):
        outcomes = store(casino_a, batch, send_to_dead_letters=letters.extend)
    assert outcomes == ["malformed", "stored", "refused_by_database", "out_of_range"]
    assert sorted(letter.envelope.place.offset for letter in letters) == [0, 2, 3]


def test_dead_letters_that_can_not_be_stored_roll_back_the_transaction(casino_a):
    def refuse(results):
        raise DeadLettersFull

    with pytest.raises(DeadLettersFull):
        store(casino_a, decoded_messages(USERS, user(id=1), b"{"), send_to_dead_letters=refuse)
    assert (ids(casino_a), offsets(casino_a), counts(casino_a)) == (set(), {}, {})
    assert store(casino_a, decoded_messages(USERS, user(id=1), b"{"), send_to_dead_letters=list) == [
        "stored",
        "malformed",
    ]


def test_dead_letters_are_stored_before_the_commit(casino_a):
    seen = []

    def look(results):
        other = connections["casino_1"].copy("casino_1")
        with other.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM users")
            seen.append(cursor.fetchone()[0])
        other.close()

    store(casino_a, decoded_messages(USERS, user(id=1), b"{"), send_to_dead_letters=look)
    assert (seen, ids(casino_a)) == ([0], {1})


def test_a_coupon_read_in_part_is_counted_with_its_problems_and_is_no_dead_letter(casino_a, user_7):
    without_sport, outright = SELECTION | {"event_id": 3, "sport": " "}, without(SELECTION, "away_team")
    batch = decoded_messages(COUPONS, coupon(recommended_events=[SELECTION, without_sport, outright]), coupon())
    assert store(casino_a, batch, topic=COUPONS) == ["stored_in_part", "stored"]
    with use_casino(casino_a.current):
        [count] = MessageCount.objects.filter(outcome="stored_in_part")
        assert (count.is_rejection, count.last_place) == (False, str(batch[0].envelope.place))
        detail = "recommended_events[1].sport: missing; recommended_events[2].away_team: missing"
        assert count.last_detail == detail


def test_coupons_without_a_user_wait_up_to_the_limit(casino_a, settings):
    settings.WAITING_COUPONS = 2
    letters: list[Any] = []
    batch = decoded_messages(COUPONS, *(coupon(user_id=50 + number) for number in range(3)))
    outcomes = store(casino_a, batch, topic=COUPONS, send_to_dead_letters=letters.extend)
    assert sorted(outcomes) == ["unknown_user", "waiting", "waiting"]
    assert [letter.rejection.field for letter in letters] == ["user_id"]
    with use_casino(casino_a.current):
        assert WaitingCoupon.objects.count() == 2

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import OperationalError

from ingestion.batches import Stored, store_batch
from ingestion.messages import Accepted, Place, Rejection
from ingestion.topics import COUPONS, USERS
from recommendations.models import PurchasedCoupon, User, UserProfile
from recommendations.rows import CouponRow, Selection, UserRow
from recommendations.storing import Result, store_users
from tenants.connections import casino_connection
from tenants.context import find_current_casino, use_casino
from tenants.models import Casino, CasinoState
from tenants.models.casino import READY_STATES

from .examples import SELECTION

NOW = datetime(2025, 6, 1, tzinfo=UTC)
MOST = Decimal("9999999999999999.99")  # what users_profile.stake_total can hold


def user_row(id: int, name: str = "Ada") -> UserRow:
    return UserRow(
        id=id,
        name=name,
        surname="Lovelace",
        birth_year=1985,
        currency="EUR",
        country="ENGLAND",
        gender="FEMALE",
        timestamp=NOW,
        favorite_sport="FOOTBALL",
    )


def coupon_row(id: int, user_id: int) -> CouponRow:
    selection = Selection(**(SELECTION | {"odd": Decimal("2.5")}))
    return CouponRow(id=id, user_id=user_id, stake=Decimal(5), timestamp=NOW, recommended_events=(selection,))


def messages(*rows):
    return [Accepted(Place("here", "t", 0, offset, 0), casino_id, row) for offset, (casino_id, row) in enumerate(rows)]


def by_offset(verdicts):
    return {
        verdict.place.offset: verdict.result if isinstance(verdict, Stored) else verdict.code for verdict in verdicts
    }


def test_same_user_id_of_two_casinos_is_two_users(casino_a, casino_b):
    verdicts = store_batch(USERS, messages((1, user_row(7, "Ada")), (2, user_row(7, "Bob")), (1, user_row(8, "Cyd"))))
    assert by_offset(verdicts) == {0: Result.STORED, 1: Result.STORED, 2: Result.STORED}
    assert {(each.casino_id, each.place.offset) for each in verdicts} == {(1, 0), (2, 1), (1, 2)}
    with use_casino(casino_a.current):
        assert set(User.objects.values_list("id", "name")) == {(7, "Ada"), (8, "Cyd")}
    with use_casino(casino_b.current):
        assert set(User.objects.values_list("id", "name")) == {(7, "Bob")}


def test_no_casino_is_current_after_a_batch(casino_a):
    store_batch(USERS, messages((1, user_row(7))))
    assert find_current_casino() is None


def test_empty_batch_has_no_verdicts(casino_a):
    assert store_batch(USERS, []) == []


def test_messages_of_an_unknown_casino_are_rejected_and_the_others_stored(casino_a):
    verdicts = store_batch(USERS, messages((99, user_row(7)), (1, user_row(7))))
    assert by_offset(verdicts) == {0: "unknown_casino", 1: Result.STORED}
    assert next(each.casino_id for each in verdicts if isinstance(each, Rejection)) == 99


@pytest.mark.parametrize("state", [state for state in CasinoState if state not in READY_STATES])
def test_casino_whose_database_is_not_complete_or_no_more_gets_nothing(casino_a, state):
    Casino.objects.filter(pk=1).update(state=state)
    assert by_offset(store_batch(USERS, messages((1, user_row(7))))) == {0: "unknown_casino"}
    with use_casino(casino_a.current):
        assert not User.objects.exists()


def test_suspended_casino_takes_no_requests_but_loses_no_message(casino_a):
    Casino.objects.filter(pk=1).update(state=CasinoState.SUSPENDED)
    assert by_offset(store_batch(USERS, messages((1, user_row(7))))) == {0: Result.STORED}


def test_casino_that_moves_takes_no_writes_and_its_messages_have_to_come_again(casino_a):
    with use_casino(casino_a.current), casino_connection().cursor() as cursor:
        cursor.execute("SET TRANSACTION READ ONLY")
    with pytest.raises(OperationalError, match="casino_1 takes no writes at present"):
        store_batch(USERS, messages((1, user_row(7))))


def test_messages_of_a_casino_that_is_behind_have_to_come_again(casino_a, casino_b):
    Casino.objects.filter(pk=2).update(schema_version="")
    assert by_offset(store_batch(USERS, messages((1, user_row(7))))) == {0: Result.STORED}
    with pytest.raises(OperationalError, match=r"Beta \(casino 2\) is behind the code; `manage.py migrate_casinos`"):
        store_batch(USERS, messages((2, user_row(7))))


def test_last_of_several_messages_of_one_user_counts(casino_a):
    verdicts = store_batch(USERS, messages((1, user_row(7, "Ada")), (1, user_row(7, "Eve"))))
    assert by_offset(verdicts) == {0: Result.DUPLICATE, 1: Result.STORED}
    with use_casino(casino_a.current):
        assert User.objects.get().name == "Eve"


@pytest.mark.parametrize("refused", [{0}, {6}, {3}, {0, 1, 5}, set(range(7))])
def test_rows_that_the_database_refuses_are_found_and_the_others_stored(casino_a, casino_b, refused):
    with use_casino(casino_a.current):
        UserProfile.objects.create(user_id=666, stake_total=MOST)
    rows = [(1, coupon_row(100 + place, 666 if place in refused else 7)) for place in range(7)]
    verdicts = store_batch(COUPONS, messages(*rows, (2, coupon_row(100, 666))))
    expected = {place: "refused_by_database" if place in refused else Result.STORED for place in range(7)}
    assert by_offset(verdicts) == expected | {7: Result.STORED}
    assert all("numeric field overflow" in each.detail for each in verdicts if isinstance(each, Rejection))
    good = 7 - len(refused)
    with use_casino(casino_a.current):
        assert PurchasedCoupon.objects.filter(user_id=7).count() == PurchasedCoupon.objects.count() == good
        assert list(UserProfile.objects.filter(user_id=7).values_list("coupon_count", flat=True)) == [good] * bool(good)
        assert UserProfile.objects.get(user_id=666).stake_total == MOST


def test_id_that_was_handed_out_is_rejected_and_overwrites_nobody(casino_a):
    with use_casino(casino_a.current):
        handed_out = store_users([replace(user_row(7, "Nameless"), id=None)])[0].id
    assert handed_out is not None
    verdicts = store_batch(USERS, messages((1, user_row(handed_out)), (1, user_row(handed_out + 1))))
    assert by_offset(verdicts) == {0: "id_taken", 1: Result.STORED}
    with use_casino(casino_a.current):
        assert User.objects.get(pk=handed_out).name == "Nameless"

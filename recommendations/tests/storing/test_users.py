"""`store_users` stores users in the current casino's database, each with a profile."""

from datetime import UTC, datetime

import pytest

from recommendations.models import User, UserProfile
from recommendations.storing import Outcome, Result, store_events, store_users
from recommendations.tests.factories import UserFactory, event_row, user_row
from recommendations.validation.own_ids import MAX_OWN_ID
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

DUPLICATE = Outcome(Result.DUPLICATE)


@pytest.fixture(autouse=True)
def _inside_casino_a(casino_a, fresh_ids):
    with use_casino(casino_a.current):
        yield


def test_a_user_is_stored_with_all_fields_and_its_own_id():
    row = user_row(id=31, favorite_league="la liga")
    assert store_users([row]) == [Outcome(Result.STORED, 31)]
    user = User.objects.get()
    for field in ("id", "name", "surname", "birth_year", "currency", "country", "gender", "timestamp"):
        assert getattr(user, field) == getattr(row, field)
    assert (user.favorite_sport, user.favorite_league, user.natural_key) == ("FOOTBALL", "LA LIGA", None)


def test_every_new_user_has_an_empty_profile():
    store_users([user_row(id=31), user_row(id=32)])
    profiles = UserProfile.objects.order_by("user_id").values_list(
        "user_id", "favorite_sport_league_json", "purchases_at_last_update", "last_updated", "coupon_count"
    )
    assert list(profiles) == [(31, None, 0, None, 0), (32, None, 0, None, 0)]


def test_two_users_of_the_same_name_with_own_ids_are_both_stored():
    outcomes = store_users([user_row(id=1), user_row(id=2)])
    assert [outcome.result for outcome in outcomes] == [Result.STORED, Result.STORED]
    assert User.objects.count() == 2


def test_a_user_without_an_id_is_identified_by_name_birth_year_and_country():
    [first, again, other] = store_users([user_row(), user_row(), user_row(birth_year=1986)])
    assert (first, again.result, other.result) == (DUPLICATE, Result.STORED, Result.STORED)
    assert store_users([user_row()]) == [DUPLICATE]
    assert User.objects.count() == UserProfile.objects.count() == 2


def test_a_changed_user_without_an_id_is_updated():
    [stored] = store_users([user_row(currency="EUR")])
    assert store_users([user_row(currency="USD")]) == [Outcome(Result.UPDATED, stored.id)]
    assert User.objects.get().currency == "USD"


@pytest.mark.parametrize("change", [{"name": "Grace"}, {"country": "SPAIN"}, {"favorite_sport": "HANDBALL"}])
def test_a_changed_user_is_updated(change):
    store_users([user_row(id=31)])
    assert store_users([user_row(id=31, **change)]) == [Outcome(Result.UPDATED, 31)]
    assert User.objects.filter(pk=31, **change).count() == 1


def test_an_update_keeps_the_profile():
    store_users([user_row(id=31)])
    UserProfile.objects.update(coupon_count=7)
    store_users([user_row(id=31, name="Grace")])
    assert UserProfile.objects.get().coupon_count == 7


def test_an_unchanged_user_is_a_duplicate_and_not_written():
    store_users([user_row(id=31)])
    assert store_users([user_row(id=31)]) == [DUPLICATE]


def test_the_last_of_several_rows_of_one_user_wins():
    rows = [user_row(id=31, name="First"), user_row(id=31, name="Second"), user_row(id=31, name="Last")]
    assert store_users(rows) == [DUPLICATE, DUPLICATE, Outcome(Result.STORED, 31)]
    assert User.objects.get().name == "Last"


def test_outcomes_are_in_the_order_of_the_rows():
    store_users([user_row(id=2), user_row(id=3)])
    rows = [user_row(id=9), user_row(name="Nameless"), user_row(id=3, name="New"), user_row(id=2), user_row(id=1)]
    outcomes = store_users(rows)
    assert [outcome.result.value for outcome in outcomes] == ["stored", "stored", "updated", "duplicate", "stored"]
    assert [outcomes[place].id for place in (0, 2, 3, 4)] == [9, 3, None, 1]
    assert User.objects.get(name="Nameless").pk == outcomes[1].id


@pytest.mark.parametrize("highest", [1, 2, 3, 1000])
def test_sequence_ids_do_not_collide_with_the_casinos_own(highest):
    store_users([user_row(id=own_id) for own_id in range(1, highest + 1) if own_id < 4 or own_id == highest])
    outcomes = store_users([user_row(name=f"Nameless {n}") for n in range(3)])
    assert [outcome.result for outcome in outcomes] == [Result.STORED] * 3
    assert {outcome.id for outcome in outcomes} == {highest + 1, highest + 2, highest + 3}


def test_own_and_sequence_ids_can_mix_in_one_call():
    rows = [user_row(id=own_id) if own_id % 2 else user_row(name=f"Nameless {own_id}") for own_id in range(1, 21)]
    outcomes = store_users(rows)
    assert {outcome.result for outcome in outcomes} == {Result.STORED}
    assert len({outcome.id for outcome in outcomes}) == User.objects.count() == 20
    store_users([user_row(id=500), user_row(name="Late")])
    assert User.objects.get(name="Late").pk > 500


def test_an_own_id_below_the_sequence_does_not_decrease_it():
    store_users([user_row(id=500)])
    store_users([user_row(id=7)])
    assert store_users([user_row()]) == [Outcome(Result.STORED, 501)]


def test_an_own_id_taken_by_the_sequence_is_rejected_and_overwrites_no_user():
    [nameless] = store_users([user_row(name="Nameless")])
    assert store_users([user_row(id=nameless.id, name="Ada")]) == [Outcome(Result.ID_TAKEN)]
    assert User.objects.get().name == "Nameless"


def test_users_can_get_ids_above_the_highest_own_id(caller_a, settings):
    settings.RECSYS_TEST_ENDPOINTS = True
    store_users([user_row(id=MAX_OWN_ID)])
    store_events([event_row(id=MAX_OWN_ID)])
    [user], [event] = store_users([user_row()]), store_events([event_row()])
    assert (user.id, event.id) == (MAX_OWN_ID + 1, MAX_OWN_ID + 1)
    assert caller_a.post(f"/purchase/{user.id}").status_code == 201
    caller_a.configure("inference")
    assert caller_a.get(f"/recommend/{user.id}").json()["user_id"] == user.id


def test_text_of_any_script_and_sql_is_stored_unchanged():
    names = ["Žofie", "Ελένη", "大坂", "O'Hara", 'quo"te', "back\\slash", "; DROP TABLE users; --", "%s", "😀", "{}"]
    store_users([user_row(id=n, name=name) for n, name in enumerate(names, start=1)])
    assert list(User.objects.order_by("pk").values_list("name", flat=True)) == names


def test_users_inserted_by_the_orm_are_updated():
    UserFactory.create(id=31, timestamp=datetime(2025, 1, 1, tzinfo=UTC))
    assert store_users([user_row(id=31)])[0].result == Result.UPDATED
    assert UserProfile.objects.filter(user_id=31).exists()

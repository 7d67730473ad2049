"""Rows of two casinos with equal keys: none is saved, deleted, refreshed or related in the other casino."""

import copy
import pickle
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db.models import Prefetch, prefetch_related_objects

from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import NOON, Coupon, Profile, Team, User, new_user
from tenants.tests.equal_key_rows import KEY, new_coupon_of


def test_object_is_not_copied_into_another_casino(of_a, of_b, casino_b):
    with pytest.raises(CasinoMismatch):
        of_a.user.save(using="casino_2")
    with use_casino(casino_b.current):
        for save in (
            lambda: of_a.user.save(using="casino_2"),
            lambda: of_a.user.save(using="casino_1"),
            lambda: of_a.user.save_base(using="casino_2", raw=True),
            lambda: new_user().save(using="casino_1"),
            lambda: new_user().save(using="default"),
            lambda: _without_key(of_a.user).save(),
        ):
            with pytest.raises(CasinoMismatch):
                save()
    assert User.objects.using("casino_2").get().name == "B"
    assert User.objects.using("casino_1").count() == 1


def _without_key(user: Any) -> Any:
    """Copies an object as Django's documentation describes."""
    user = copy.copy(user)
    user.pk, user._state.adding = None, True
    return user


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, lambda row: pickle.loads(pickle.dumps(row))])
def test_copied_and_pickled_objects_keep_their_casino(in_b, of_a, carry):
    user = carry(of_a.user)
    assert user == of_a.user
    for ask in (user.save, user.delete, user.refresh_from_db, user.coupons.all):
        with pytest.raises(CasinoMismatch):
            ask()


def test_object_is_not_deleted_from_another_casino(of_a, of_b, casino_b):
    with pytest.raises(CasinoMismatch):
        of_a.user.delete(using="casino_2")
    with use_casino(casino_b.current):
        for alias in ("casino_1", "casino_2", "default", None):
            with pytest.raises(CasinoMismatch):
                of_a.user.delete(using=alias)
    assert User.objects.using("casino_1").count() == User.objects.using("casino_2").count() == 1


def test_object_is_not_refreshed_from_another_casino(of_a, of_b, casino_a, casino_b):
    with pytest.raises(CasinoMismatch):
        of_a.user.refresh_from_db(using="casino_2")
    with use_casino(casino_b.current):
        for options in ({}, {"using": "casino_2"}, {"using": "casino_1"}, {"from_queryset": User.objects.all()}):
            with pytest.raises(CasinoMismatch):
                of_a.user.refresh_from_db(**options)
    assert of_a.user.name == "A"
    of_a.user.refresh_from_db(using="casino_1")
    with use_casino(casino_a.current):
        of_a.user.refresh_from_db(from_queryset=User.objects.all())


def test_manager_hinted_with_an_object_stays_in_its_casino(of_a, of_b):
    with pytest.raises(CasinoMismatch):
        User.objects.db_manager("casino_2", hints={"instance": of_a.user}).all()


def test_object_may_be_written_by_its_own_alias_without_a_current_casino(of_a, of_b):
    of_a.user.name = "written"
    of_a.user.save(using="casino_1")
    new_user("new", id=8).save(using="casino_1")
    assert sorted(user.name for user in User.objects.using("casino_1")) == ["new", "written"]
    of_a.user.delete(using="casino_1")
    assert [user.name for user in User.objects.using("casino_2")] == ["B"]
    assert Coupon.objects.using("casino_2").get().user_id == KEY
    assert not Coupon.objects.using("casino_1").exists()


@pytest.mark.covered
@pytest.mark.parametrize(
    "follow",
    [
        lambda rows: rows.coupon.user,
        lambda rows: rows.user.coupons.get(),
        lambda rows: rows.user.profile,
        lambda rows: rows.event.teams.get(),
        lambda rows: rows.team.events.get(),
        lambda rows: rows.user.coupons.using("casino_2").get(),
        lambda rows: rows.event.teams.using("casino_2").get(),
        lambda rows: rows.user.coupons.db_manager("casino_2").get(),
    ],
)
@pytest.mark.parametrize("where", ["nowhere", "in B"])
def test_relation_of_an_object_is_never_followed_into_another_casino(of_a, of_b, casino_b, follow, where):
    for rows in (of_a, of_b):
        Profile(user_id=KEY).save(using=rows.user._state.db)
    if where == "nowhere":
        with pytest.raises((CasinoMismatch, NoCurrentCasino)):
            follow(of_a)
    else:
        with use_casino(casino_b.current):
            with pytest.raises(CasinoMismatch):
                follow(of_a)
            assert follow(of_b)


def test_prefetch_by_a_queryset_of_another_casino_is_refused(in_b, of_a, casino_a):
    with use_casino(casino_a.current, switch=True):
        coupons = Coupon.objects.all()
    users = User.objects.prefetch_related(Prefetch("coupons", queryset=coupons))
    with pytest.raises(CasinoMismatch):
        list(users)
    with use_casino(casino_a.current, switch=True):
        coupons_of_b = Coupon.objects.using("casino_1").prefetch_related("user")
    with pytest.raises(CasinoMismatch):
        list(coupons_of_b)


def test_prefetch_of_a_forward_relation_is_refused_for_another_casinos_objects(in_b, of_a):
    for row, relation in ((of_a.coupon, "user"), (of_a.event, "teams"), (of_a.user, "coupons")):
        with pytest.raises(CasinoMismatch):
            prefetch_related_objects([row], relation)


@pytest.mark.parametrize("method", ["add", "remove", "set"])
def test_relation_takes_no_object_of_another_casino(in_b, of_a, of_b, method):
    teams, given = of_b.event.teams, [of_a.team] if method == "set" else of_a.team
    for change in (getattr(teams, method), async_to_sync(getattr(teams, f"a{method}"))):
        with pytest.raises(CasinoMismatch):
            change(given)
    assert teams.get() == of_b.team


@pytest.mark.parametrize("method", ["add", "set"])
def test_reverse_relation_takes_no_object_of_another_casino(in_b, of_a, of_b, method):
    with pytest.raises(CasinoMismatch):
        getattr(of_b.user.coupons, method)(*([[of_a.coupon]] if method == "set" else [of_a.coupon]), bulk=False)
    assert of_b.user.coupons.get() == of_b.coupon


def test_relation_takes_objects_and_keys_of_its_own_casino(in_b, of_b):
    other = Team.objects.create(name="OTHER", sport="FOOTBALL")
    of_b.event.teams.set([other.pk])
    of_b.event.teams.add(of_b.team)
    of_b.event.teams.remove(other)
    assert of_b.event.teams.get() == of_b.team
    of_b.event.teams.set(Team.objects.all())
    assert of_b.event.teams.count() == 2


def test_manager_of_a_relation_still_marks_methods_that_alter_data(in_b, of_b):
    assert of_b.event.teams.remove.alters_data
    assert of_b.event.teams.set.alters_data
    assert User.objects.bulk_create.alters_data
    assert of_b.user.delete.alters_data
    assert not hasattr(User.objects, "delete")


def test_row_of_another_casino_is_not_validated_against_this_one(in_b, of_a, of_b):
    with pytest.raises(CasinoMismatch):
        of_a.user.validate_unique()
    with pytest.raises(CasinoMismatch):
        of_a.user.full_clean()
    of_b.user.full_clean()


def test_unsaved_objects_belong_to_the_casino_they_were_related_in(in_b, of_a, casino_a):
    coupon = new_coupon_of(of_a.user)
    with use_casino(casino_a.current, switch=True):
        user = new_user()
        Coupon(user=user, stake=1, timestamp=NOON, recommended_events=[])
    for row in (user, coupon):
        with pytest.raises(CasinoMismatch):
            row.save()
        with pytest.raises(CasinoMismatch):
            type(row).objects.bulk_create([row])
    assert User.objects.count() == Coupon.objects.count() == 1

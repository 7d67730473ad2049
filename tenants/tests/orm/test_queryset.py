"""Querysets of two casinos with equal keys: neither accepts objects or querysets of the other."""

from typing import Any

import pytest
from django.db.models import Case, Count, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.orm.queryset import CasinoQuerySet
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import Coupon, Event, User


def users_of(casino: Any) -> Any:
    with use_casino(casino.current, switch=True):
        return User.objects.all()


VALUES = {
    "an object": lambda rows: {"user": rows.user},
    "by its column": lambda rows: {"user_id": rows.user},
    "exact": lambda rows: {"user__exact": rows.user},
    "a list": lambda rows: {"user__in": [rows.user]},
    "a set": lambda rows: {"user__in": {rows.user}},
    "a generator": lambda rows: {"user__in": (user for user in [rows.user])},
    "across a relation": lambda rows: {"user__coupons": rows.coupon},
    "a list across a relation": lambda rows: {"user__coupons__in": [rows.coupon]},
    "a generator across a relation": lambda rows: {"user__coupons__in": iter([rows.coupon])},
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
@pytest.mark.parametrize("method", ["filter", "exclude", "get", "get_or_create"])
def test_object_of_another_casino_is_refused_as_a_value(in_b, of_a, method, value):
    with pytest.raises(CasinoMismatch, match="belongs to casino_1"):
        getattr(Coupon.objects, method)(**value(of_a))
    with pytest.raises(CasinoMismatch):
        Coupon.objects.complex_filter(value(of_a))


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_object_of_the_same_casino_is_taken_as_a_value(in_b, of_b, value):
    assert Coupon.objects.get(**value(of_b)) == of_b.coupon
    assert not Coupon.objects.exclude(**value(of_b)).exists()


@pytest.mark.parametrize(
    "condition",
    [
        lambda user: Q(user=user),
        lambda user: ~Q(user=user),
        lambda user: Q(stake=1) | Q(Q(stake=10) & ~Q(user__in=[user])),
    ],
)
def test_object_of_another_casino_is_refused_in_a_condition(in_b, of_a, condition):
    for method in (Coupon.objects.filter, Coupon.objects.exclude, Coupon.objects.complex_filter):
        with pytest.raises(CasinoMismatch):
            method(condition(of_a.user))


def test_object_of_another_casino_is_refused_in_an_expression(in_b, of_a):
    is_theirs = Case(When(user=of_a.user, then=Value(1)), default=Value(0))
    for ask in (
        lambda: Coupon.objects.annotate(theirs=is_theirs),
        lambda: Coupon.objects.alias(theirs=is_theirs),
        lambda: Coupon.objects.order_by(is_theirs).first(),
        lambda: Coupon.objects.aggregate(theirs=Count("pk", filter=Q(user=of_a.user))),
        lambda: Coupon.objects.update(stake=Case(When(user=of_a.user, then=Value(1)), default=Value(2))),
    ):
        with pytest.raises(CasinoMismatch):
            ask()


def test_object_of_the_catalogue_is_refused_as_a_value(in_b, casino_b):
    with pytest.raises((CasinoMismatch, ValueError)):
        Coupon.objects.filter(user=casino_b)


def test_object_of_another_casino_is_contained_in_no_queryset(in_b, of_a, of_b):
    users = User.objects.all()
    for _ in ("not evaluated", "evaluated"):
        with pytest.raises(CasinoMismatch):
            users.contains(of_a.user)
        assert users.contains(of_b.user)
        assert list(users)


@pytest.mark.covered
@pytest.mark.parametrize(
    "use",
    [
        lambda users: Coupon.objects.filter(user__in=users),
        lambda users: Coupon.objects.filter(user__in=users.values("pk")),
        lambda users: Coupon.objects.filter(Q(stake=1) | ~Q(user__in=users)),
        lambda users: Coupon.objects.filter(user_id=users.values("pk")[:1]),
        lambda users: Event.objects.exclude(teams__events__teams__in=users.values("pk")),
        lambda users: Coupon.objects.filter(Exists(users.filter(pk=OuterRef("user_id")))),
        lambda users: Coupon.objects.annotate(name=Subquery(users.values("name")[:1])),
        lambda users: Coupon.objects.update(user=Subquery(users.values("pk")[:1])),
        lambda users: User.objects.filter(name=Subquery(users.values("name")[:1])).count(),
    ],
)
def test_queryset_of_another_casino_is_refused_inside_another(in_b, casino_a, use):
    with pytest.raises(CasinoMismatch, match="can't be combined"):
        use(users_of(casino_a))


@pytest.mark.parametrize(
    "combine",
    [
        lambda ours, theirs: ours | theirs,
        lambda ours, theirs: theirs | ours,
        lambda ours, theirs: ours & theirs,
        lambda ours, theirs: ours ^ theirs,
        lambda ours, theirs: list(ours.union(theirs)),
        lambda ours, theirs: list(theirs.union(ours)),
        lambda ours, theirs: list(ours.union(theirs, all=True)),
        lambda ours, theirs: ours.union(theirs).count(),
        lambda ours, theirs: list(ours.intersection(theirs)),
        lambda ours, theirs: list(ours.difference(theirs)),
        lambda ours, theirs: list(ours[:1].union(theirs[:1])),
        lambda ours, theirs: list(ours[:1] | theirs[:1]),
    ],
)
def test_querysets_of_two_casinos_are_not_combined(in_b, casino_a, combine):
    with pytest.raises(CasinoMismatch):
        combine(User.objects.all(), users_of(casino_a))


def test_querysets_of_one_casino_are_combined(in_b, of_b):
    users = User.objects.all()
    assert [*(users | users)] == [*(users & users)] == [*users.union(users)] == [of_b.user]
    assert Coupon.objects.filter(Exists(users.filter(pk=OuterRef("user_id")))).get() == of_b.coupon
    assert Coupon.objects.filter(user__in=users).update(stake=11) == 1


def test_another_casinos_alias_is_refused_while_one_is_current(in_b):
    for name in (
        lambda: User.objects.using("casino_1"),
        lambda: User.objects.all().using("casino_1"),
        lambda: User.objects.db_manager("casino_1").all(),
        lambda: User._base_manager.using("casino_1"),
        lambda: User.objects.raw("SELECT * FROM users", using="casino_1"),
        lambda: User.objects.raw("SELECT * FROM users").using("casino_1"),
        lambda: CasinoQuerySet(User, using="casino_1").using("casino_1").update(name="A"),
        lambda: User.objects.using("default"),
    ):
        with pytest.raises(CasinoMismatch):
            name()


def test_own_alias_may_be_given(in_b, of_b):
    assert User.objects.using("casino_2").get() == User.objects.using(None).get() == of_b.user
    assert [*User.objects.raw("SELECT * FROM users").using("casino_2")] == [of_b.user]


def test_alias_may_be_given_without_a_current_casino(of_a, of_b):
    assert User.objects.using("casino_1").get() == of_a.user
    assert User.objects.using("casino_2").using("casino_2").get() == of_b.user
    with pytest.raises(NoCurrentCasino):
        User.objects.using(None)
    with pytest.raises(CasinoMismatch, match="not in the catalogue"):
        User.objects.using("default")


def test_queryset_never_changes_its_casino(of_a, of_b):
    users = User.objects.using("casino_1")
    with pytest.raises(CasinoMismatch, match="of casino_1 can't become one of casino_2"):
        users.using("casino_2")
    assert users.using(None).get() == of_a.user


def test_queryset_made_without_a_manager_is_bound_too(in_b, of_b, casino_a):
    users: Any = CasinoQuerySet(User)
    with use_casino(casino_a.current, switch=True):
        assert users.get() == of_b.user


def test_querysets_of_relations_are_casino_querysets(in_b, of_b):
    for rows in (of_b.user.coupons.all(), of_b.event.teams.all(), User._base_manager.all(), User.objects.none()):
        assert isinstance(rows, CasinoQuerySet)
        assert isinstance(rows, QuerySet)

"""A queryset made in one casino reads it wherever it is evaluated, and writes only there."""

import copy
import pickle
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction

from tenants.errors import CasinoMismatch
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import NOON, Coupon, Event, User, make_user, new_user
from tenants.tests.equal_key_rows import KEY, new_coupon_of


def users_of(casino: Any) -> Any:
    with use_casino(casino.current, switch=True):
        return User.objects.all()


def _locked(users: Any) -> list[Any]:
    with transaction.atomic(using=users.db):
        return list(users.select_for_update())


READS = {
    "list": list,
    "count": lambda users: [users.get()] * users.count(),
    "first": lambda users: [users.first()],
    "in_bulk": lambda users: list(users.in_bulk([KEY]).values()),
    "iterator": lambda users: list(users.iterator(chunk_size=1)),
    "chained": lambda users: [users.filter(name__isnull=False).order_by("-id").all()[0]],
    "values": lambda users: [User(pk=users.values_list("pk", flat=True).get(), **users.values("name").get())],
    "locked": _locked,
    "extra": lambda users: list(users.extra(where=["id = %s"], params=[KEY])),
    "raw": lambda users: list(users.raw("SELECT * FROM users")),
    "deep copy": lambda users: list(copy.deepcopy(users)),
    "pickled": lambda users: list(pickle.loads(pickle.dumps(users)).all()),
    "sliced": lambda users: list(users[:3]),
    "deferred": lambda users: list(users.defer("surname")),
}


@pytest.mark.covered
@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("where", ["nowhere", "in B"])
def test_queryset_made_in_one_casino_reads_it_wherever_it_is_evaluated(of_a, of_b, casino_a, casino_b, read, where):
    users = users_of(casino_a)
    if where == "nowhere":
        found = READS[read](users)
    else:
        with use_casino(casino_b.current):
            found = READS[read](users)
    assert [user.name for user in found] == ["A"]


def test_asynchronous_reads_keep_the_casino_too(of_a, of_b, casino_a, casino_b):
    async def read(users: Any) -> list[str]:
        with use_casino(casino_b.current):
            return [
                (await users.aget()).name,
                (await users.afirst()).name,
                *[user.name async for user in users.all()],
                *[user.name async for user in users.aiterator(chunk_size=1)],
            ]

    users = users_of(casino_a)
    assert async_to_sync(read)(users) == ["A"] * 4


def test_statement_made_in_one_casino_reads_it_wherever_it_is_evaluated(of_a, of_b, casino_a, casino_b):
    with use_casino(casino_a.current):
        users = User.objects.raw("SELECT * FROM users")
    with use_casino(casino_b.current):
        assert [user.name for user in users] == ["A"]


def test_pickled_query_is_refused_in_a_queryset_of_another_casino(in_b, casino_a):
    users = User.objects.all()
    users.query = pickle.loads(pickle.dumps(users_of(casino_a).query))
    with pytest.raises(CasinoMismatch, match="made for casino_1 can't be run in casino_2"):
        list(users)


WRITES = {
    "update": lambda users: users.update(name="written"),
    "delete": lambda users: users.delete(),
    "bulk_create": lambda users: users.bulk_create([new_user("written")]),
    "bulk_update": lambda users: users.bulk_update([User(pk=KEY, name="written")], ["name"]),
    "create": lambda users: users.create(name="written", birth_year=1985, timestamp=NOON, currency="EUR"),
    "update_or_create": lambda users: users.update_or_create(pk=KEY, defaults={"name": "written"}),
}


@pytest.mark.parametrize("write", WRITES)
def test_writing_through_a_queryset_of_another_casino_is_refused(of_a, of_b, casino_a, casino_b, write):
    users = users_of(casino_a)
    with use_casino(casino_b.current), pytest.raises(CasinoMismatch):
        WRITES[write](users)
    for alias, name in (("casino_1", "A"), ("casino_2", "B")):
        assert [user.name for user in User.objects.using(alias)] == [name]


def test_objects_of_another_casino_are_not_written_in_bulk(in_b, of_a):
    theirs = new_coupon_of(of_a.user)
    for write in (
        lambda: User.objects.bulk_create([of_a.user], ignore_conflicts=True),
        lambda: User.objects.bulk_create(iter([of_a.user]), ignore_conflicts=True),
        lambda: Coupon.objects.bulk_create([theirs]),
        lambda: User.objects.bulk_update([of_a.user], ["name"]),
        lambda: Coupon.objects.update(user=of_a.user),
    ):
        with pytest.raises(CasinoMismatch):
            write()
    assert User.objects.get().name == "B"
    assert Coupon.objects.count() == 1


def test_missing_row_is_missing_though_another_casino_has_the_key(casino_a, of_b, casino_b):
    with use_casino(casino_a.current):
        make_user(id=KEY + 1)
        with pytest.raises(ObjectDoesNotExist):
            User.objects.get(pk=KEY)
        assert not Event.objects.exists()

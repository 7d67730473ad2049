import pytest
from django.db.models import prefetch_related_objects

from tenants.errors import CasinoMismatch, NoCurrentCasino
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import Coupon, Team, User, make_coupon, make_event, make_user, new_user


def test_queryset_made_without_a_casino_raises_at_once():
    with pytest.raises(NoCurrentCasino):
        User.objects.filter(name="Ada")


def test_lazy_queryset_reads_the_casino_it_was_made_in(casino_a, casino_b):
    with use_casino(casino_a.current):
        make_user("Of A")
        users = User.objects.order_by("id")
    with use_casino(casino_b.current):
        make_user("Of B")
        assert [user.name for user in users.all()] == ["Of A"]
    assert [user.name for user in users] == ["Of A"]


def test_subquery_of_another_casino_is_refused(casino_a, casino_b):
    with use_casino(casino_a.current):
        users = User.objects.values("id")
    with use_casino(casino_b.current), pytest.raises(CasinoMismatch, match="can't be combined"):
        Coupon.objects.filter(user__in=users)


@pytest.mark.parametrize("ask", ["all", "count", "first", "exists", "delete"])
def test_related_manager_of_another_casinos_object_raises(casino_a, casino_b, ask):
    with use_casino(casino_a.current):
        user = make_user(id=7)
    with use_casino(casino_b.current):
        make_coupon(make_user(id=7))
        with pytest.raises(CasinoMismatch):
            getattr(user.coupons.all(), ask)()
        assert Coupon.objects.count() == 1


def test_creating_through_a_related_manager_of_another_casinos_object_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        user = make_user()
    with use_casino(casino_b.current):
        with pytest.raises(CasinoMismatch):
            user.coupons.create(stake=1, timestamp=user.timestamp, recommended_events=[])
        assert not Coupon.objects.exists()


def test_many_to_many_of_another_casinos_object_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        event = make_event()
    with use_casino(casino_b.current), pytest.raises(CasinoMismatch):
        list(event.teams.all())


def test_foreign_key_of_another_casinos_object_raises(casino_a, casino_b):
    with use_casino(casino_a.current):
        coupon = make_coupon(make_user(id=7))
        coupon = Coupon.objects.get(pk=coupon.pk)
    with use_casino(casino_b.current):
        make_user(id=7)
        with pytest.raises(CasinoMismatch):
            str(coupon.user)


def test_foreign_key_to_another_casinos_object_is_refused(casino_a, casino_b):
    with use_casino(casino_a.current):
        user = make_user()
    with use_casino(casino_b.current):
        coupon = make_coupon(make_user())
        with pytest.raises(ValueError, match="prevents this relation"):
            coupon.user = user
        with pytest.raises(CasinoMismatch):
            make_coupon(user)


@pytest.mark.parametrize("relation", ["coupons", "profile"])
def test_prefetching_for_another_casinos_objects_raises(casino_a, casino_b, relation):
    with use_casino(casino_a.current):
        make_user()
        users = User.objects.prefetch_related(relation)
        loaded = list(User.objects.all())
    with use_casino(casino_b.current):
        with pytest.raises(CasinoMismatch):
            prefetch_related_objects(loaded, relation)
        with pytest.raises(CasinoMismatch):
            list(users)


def test_related_rows_of_the_same_casino_are_found(casino_a, django_assert_num_queries):
    with use_casino(casino_a.current):
        event = make_event()
        event.teams.add(Team.objects.create(name="ARSENAL", sport="FOOTBALL"))
        coupon = make_coupon(make_user())
        with django_assert_num_queries(2, using="casino_1"):
            (user,) = User.objects.prefetch_related("coupons")
            assert list(user.coupons.all()) == [coupon]
        assert [team.name for team in event.teams.all()] == ["ARSENAL"]


def test_equal_keys_of_two_casinos_are_unequal_objects(casino_a, casino_b):
    with use_casino(casino_a.current):
        user_a, again = make_user(id=7), User.objects.get(pk=7)
    with use_casino(casino_b.current):
        user_b = make_user(id=7)
    assert user_a == again
    assert hash(user_a) == hash(again)
    assert user_a != user_b
    assert hash(user_a) != hash(user_b)
    assert len({user_a, again, user_b}) == 2


def test_objects_of_different_kinds_are_unequal(casino_a):
    with use_casino(casino_a.current):
        user = make_user(id=7)
        team = Team.objects.create(id=7, name="ARSENAL", sport="FOOTBALL")
    assert user != team
    assert user != 7


def test_object_without_a_key_has_no_hash():
    with pytest.raises(TypeError):
        hash(new_user())


def test_given_alias_needs_no_current_casino(casino_a):
    with use_casino(casino_a.current):
        user = make_user()
    assert User.objects.db_manager("casino_1").get() == user

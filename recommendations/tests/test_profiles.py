"""What a user's coupons say about the user."""

from decimal import Decimal

import numpy as np
import pytest

from recommendations.models import User, UserProfile
from recommendations.profiles import load_profile, top_values, usual_stake
from recommendations.recommenders.base import Knowledge
from recommendations.storing import store_coupons, store_users
from tenants.connections import casino_connection
from tenants.context import use_casino

from .factories import CouponFactory, UserFactory, coupon_row, offer_of, selection, user_row


@pytest.fixture
def user(casino_a, casino_b):
    with use_casino(casino_b.current):
        CouponFactory.create_batch(5, user_id=1, recommended_events=[selection(league="OF CASINO B")])
    with use_casino(casino_a.current):
        yield UserFactory.create(id=1, country="SPAIN", favorite_sport="HANDBALL")


def bet(*selections, user_id=1):
    CouponFactory.create(user_id=user_id, recommended_events=list(selections))


def load(user, *needs):
    return load_profile(
        user, needs=frozenset(needs), offer=offer_of({}), now=user.timestamp, rng=np.random.default_rng(1)
    )


def test_what_a_recommender_does_not_need_is_not_found_out(user, django_assert_num_queries):
    bet(selection())
    user = User.objects.select_related("profile").get(pk=1)
    with django_assert_num_queries(0, connection=casino_connection()):
        profile = load(user)
    assert (profile.country, profile.favorite_sport) == ("SPAIN", "HANDBALL")
    assert (profile.favorite_pairs, profile.top_values) == ((), {})


def test_what_a_recommender_needs_is_found_out(user):
    bet(selection(league="L"))
    assert load(user, Knowledge.TOP_VALUES).top_values["league"] == ("L",)
    assert load(user, Knowledge.FAVORITE_PAIRS).favorite_pairs == (("FOOTBALL", "PREMIER LEAGUE"),)


def test_the_two_most_frequent_values_of_each_attribute_are_the_top_two(user):
    bet(selection(league="B", country="X"), selection(league="A", country="Y"))
    bet(selection(league="B", country="X"), selection(league="C", country="X"))
    bet(selection(league="A", country="Y"), selection(league="B", country="Z"))
    values = top_values(1)
    assert (values["league"], values["country"]) == (("B", "A"), ("X", "Y"))
    assert values["sport"] == ("FOOTBALL",)
    assert (values["home_team"], values["away_team"]) == (("ARSENAL",), ("CHELSEA",))


def test_equally_frequent_values_go_alphabetically(user):
    bet(*[selection(league=league) for league in ("C", "A", "D", "B")])
    assert top_values(1)["league"] == ("A", "B")


def test_coupons_of_all_times_count(user, now):
    CouponFactory.create(user_id=1, timestamp=now.replace(year=2001), recommended_events=[selection(league="OLD")])
    assert top_values(1)["league"] == ("OLD",)


def test_coupons_of_others_do_not_count(user):
    bet(selection(league="THEIRS"), user_id=2)
    assert top_values(1) == dict.fromkeys(("sport", "league", "country", "home_team", "away_team"), ())


@pytest.mark.parametrize("broken", [{}, {"sport": "FOOTBALL"}, selection(league=None), selection(country="")])
def test_a_selection_that_lacks_an_attribute_says_nothing(user, broken):
    bet(broken, selection(league="WHOLE"))
    assert top_values(1)["league"] == ("WHOLE",)
    assert top_values(1)["sport"] == ("FOOTBALL",)


def test_a_user_without_coupons_stakes_what_the_settings_say(user, settings):
    settings.DEFAULT_STAKE = Decimal("7.50")
    assert usual_stake(user) == Decimal("7.50")
    UserProfile.objects.create(user=user)
    assert usual_stake(User.objects.get()) == Decimal("7.50")


def test_the_usual_stake_is_the_mean_in_whole_cents(casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        store_coupons([coupon_row(stake=Decimal(stake)) for stake in ("1.00", "2.00", "2.00")])
        assert usual_stake(User.objects.get()) == Decimal("1.67")


def test_the_usual_stake_is_never_nothing(user):
    UserProfile.objects.create(user=user, coupon_count=3, stake_total=Decimal("0.01"))
    assert usual_stake(User.objects.get()) == Decimal("0.01")

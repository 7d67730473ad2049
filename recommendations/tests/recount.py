"""Whether what is counted of the current casino's purchased coupons is what they add up to."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Count, Sum

from recommendations.models import PurchasedCoupon, UserProfile

from .reading import read_tallies
from .tallies_reference import assert_adds_up, assert_casino_adds_up, assert_holds_what_is_yet_to_begin


def assert_counts_equal_a_recount() -> None:
    """In the users' profiles, in their tallies and in the casino's."""
    counted = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    coupons = PurchasedCoupon.objects.order_by("user_id").values_list("user_id").annotate(Count("pk"), Sum("stake"))
    zero = {user_id: (0, Decimal(0)) for user_id, *_ in counted}
    recount = {user_id: (count, stakes) for user_id, count, stakes in coupons}
    assert {user_id: (count, stakes) for user_id, count, stakes in counted} == zero | recount
    assert_tallies_equal_a_recount()
    assert_casino_adds_up()


def assert_tallies_equal_a_recount() -> None:
    coupons: dict[int, list[Any]] = defaultdict(list)
    for coupon in PurchasedCoupon.objects.all():
        coupons[coupon.user_id].append(coupon)
    for user_id in UserProfile.objects.values_list("user_id", flat=True):
        tallies = read_tallies(user_id)
        assert_adds_up(tallies, coupons[user_id])
        assert_holds_what_is_yet_to_begin(tallies, coupons[user_id])

"""Whether the current casino's profiles count what its purchased coupons add up to."""

from decimal import Decimal

from django.db.models import Count, Sum

from recommendations.models import PurchasedCoupon, UserProfile


def assert_counts_equal_a_recount() -> None:
    counted = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    coupons = PurchasedCoupon.objects.order_by("user_id").values_list("user_id").annotate(Count("pk"), Sum("stake"))
    zero = {user_id: (0, Decimal(0)) for user_id, *_ in counted}
    recount = {user_id: (count, stakes) for user_id, count, stakes in coupons}
    assert {user_id: (count, stakes) for user_id, count, stakes in counted} == zero | recount

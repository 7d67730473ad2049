"""Assertions that the current casino's profiles and tallies equal a recount of its purchased coupons."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import Count, Sum

from recommendations.models import CasinoTally, PurchasedCoupon, User, UserProfile
from recommendations.storing.casino_tallies import merge_casino_sums
from recommendations.validation.fields import SEPARATOR

from .tallies_reference import (
    DAY,
    LANDMARK,
    assert_no_upcoming_event_is_forgotten,
    assert_tallies_match_coupons,
    bet_values,
    event_key,
    selections_of,
    values,
)
from .user_context_of import read_tallies


def assert_counts_equal_a_recount() -> None:
    """Profiles, users' tallies and the casino's tallies equal a recount."""
    counted = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    coupons = PurchasedCoupon.objects.order_by("user_id").values_list("user_id").annotate(Count("pk"), Sum("stake"))
    zero = {user_id: (0, Decimal(0)) for user_id, *_ in counted}
    recount = {user_id: (count, stakes) for user_id, count, stakes in coupons}
    assert {user_id: (count, stakes) for user_id, count, stakes in counted} == zero | recount
    assert_tallies_equal_a_recount()
    assert_casino_tallies_equal_a_recount()


def assert_tallies_equal_a_recount() -> None:
    """Users' tallies equal a recount; users who do not allow personalisation have none."""
    coupons: dict[int, list[Any]] = defaultdict(list)
    for coupon in PurchasedCoupon.objects.exclude(user_id__in=User.objects.filter(personalisation=False).values("pk")):
        coupons[coupon.user_id].append(coupon)
    for user_id in UserProfile.objects.values_list("user_id", flat=True):
        tallies = read_tallies(user_id)
        assert_tallies_match_coupons(tallies, coupons[user_id])
        assert_no_upcoming_event_is_forgotten(tallies, coupons[user_id])


def assert_casino_tallies_equal_a_recount() -> None:
    merge_casino_sums()
    newest = PurchasedCoupon.objects.order_by("-timestamp").values_list("timestamp", flat=True).first()
    # `as_of` stays when the newest coupon is removed; relative to it, much older weights round to 0
    latest = CasinoTally.objects.order_by("-as_of").values_list("as_of", flat=True).first() or LANDMARK
    as_of = max(newest.timestamp() if newest else LANDMARK, latest)
    counted, recount = _casino_tallies(as_of), _casino_recount(as_of)
    assert counted.keys() == recount.keys()
    for key, sums in recount.items():
        assert counted[key] == pytest.approx(sums, rel=1e-9, abs=1e-9), key


def _casino_recount(as_of: float) -> dict[tuple[str, str], list[float]]:
    """(attribute, value) -> count, weight and trend as of that time."""
    recount: Any = defaultdict(lambda: [0, 0.0, 0.0])
    for timestamp, each in selections_of(PurchasedCoupon.objects.all()):
        event = event_key(each)
        key = str(event) if isinstance(event, int) else f"{event[0]}{SEPARATOR}{each['away_team']}"
        for attribute, value in (values(each) | bet_values(each) | {"event": key}).items():
            sums = recount[attribute, value]
            sums[0] += 1
            sums[1] += 2 ** ((timestamp - as_of) / (30 * DAY))
            sums[2] += 2 ** ((timestamp - as_of) / DAY)
    return dict(recount)


def _casino_tallies(as_of: float) -> dict[tuple[str, str], list[float]]:
    """The table's rows in the form of `_casino_recount`."""
    assert merge_casino_sums()
    return {
        (row.attribute, row.value): [
            row.count,
            row.weight * 2 ** ((row.as_of - as_of) / (30 * DAY)),
            row.trend * 2 ** ((row.as_of - as_of) / DAY),
        ]
        for row in CasinoTally.objects.filter(count__gt=0)
    }

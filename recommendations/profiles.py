"""What a user's coupons say about the user."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import QuerySet

from tenants.errors import DatabaseReadOnly

from .models import PurchasedCoupon, User, UserProfile
from .offer import ATTRIBUTES, Offer
from .recommenders.base import Knowledge, Pair, Profile

PAIRS_KEPT = 20


def load_profile(
    user: User, *, needs: frozenset[Knowledge], offer: Offer, now: datetime, rng: np.random.Generator
) -> Profile:
    """The user as recommenders see users, with the parts they need. `user` comes with its `profile` joined."""
    return Profile(
        country=user.country,
        favorite_sport=user.favorite_sport,
        favorite_pairs=favorite_pairs(user, offer, now, rng) if Knowledge.FAVORITE_PAIRS in needs else (),
        top_values=top_values(user.pk) if Knowledge.TOP_VALUES in needs else {},
    )


def top_values(user_id: int) -> dict[str, tuple[str, ...]]:
    """Attribute -> its two most frequent values in all the user's coupons; equally frequent ones alphabetically."""
    selections = list(_selections(PurchasedCoupon.objects.filter(user_id=user_id)))
    return {attribute: _most_frequent((each[attribute] for each in selections), 2) for attribute in ATTRIBUTES}


def favorite_pairs(user: User, offer: Offer, now: datetime, rng: np.random.Generator) -> tuple[Pair, ...]:
    """The user's favourite (sport, league) pairs, from the profile, or computed anew and kept there when
    `INFERENCE_REFRESH_PURCHASES` purchases have come in since."""
    profile = _profile_of(user)
    if profile is not None and not _is_stale(profile):
        return tuple((sport, league) for sport, league in profile.favorite_sport_league_json or ())
    pairs = compute_favorite_pairs(user.pk, offer, now, rng)
    with suppress(DatabaseReadOnly):  # while the casino moves, every request computes
        _keep_pairs(user, profile, pairs, now)
    return pairs


def compute_favorite_pairs(user_id: int, offer: Offer, now: datetime, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Pairs of the user's coupons of the last `INFERENCE_WINDOW_DAYS`, the most frequent first (equally frequent ones
    alphabetically), then random other pairs of the offer: 20 in all, if there are so many."""
    since = now - timedelta(days=settings.INFERENCE_WINDOW_DAYS)
    coupons = PurchasedCoupon.objects.filter(user_id=user_id, timestamp__gt=since, timestamp__lte=now)
    bet_on = _most_frequent(((each["sport"], each["league"]) for each in _selections(coupons)), PAIRS_KEPT)
    known = set(bet_on)
    others = [pair for pair in offer.pairs() if pair not in known]
    rng.shuffle(others)
    return (*bet_on, *others[: PAIRS_KEPT - len(bet_on)])


def usual_stake(user: User) -> Decimal:
    """The mean of the user's stakes so far, in the user's currency; `DEFAULT_STAKE` for a user without coupons."""
    profile = _profile_of(user)
    if profile is None or not profile.coupon_count:
        return settings.DEFAULT_STAKE
    return max((profile.stake_total / profile.coupon_count).quantize(Decimal("0.01")), Decimal("0.01"))


def _profile_of(user: User) -> UserProfile | None:
    return getattr(user, "profile", None)


def _is_stale(profile: UserProfile) -> bool:
    has_pairs = profile.favorite_sport_league_json is not None
    return not has_pairs or profile.purchases_at_last_update >= settings.INFERENCE_REFRESH_PURCHASES


def _keep_pairs(user: User, profile: UserProfile | None, pairs: tuple[Pair, ...], now: datetime) -> None:
    kept = {"favorite_sport_league_json": pairs, "purchases_at_last_update": 0, "last_updated": now}
    if profile is None:
        UserProfile.objects.bulk_create([UserProfile(user_id=user.pk, **kept)], ignore_conflicts=True)
        return
    # A purchase that came in meanwhile must not be forgotten: then the counter differs, and the next request computes.
    seen = profile.purchases_at_last_update
    UserProfile.objects.filter(pk=profile.pk, purchases_at_last_update=seen).update(**kept)


def _selections(coupons: QuerySet[PurchasedCoupon]) -> Iterable[dict[str, str]]:
    """All selections of these coupons; one that lacks an attribute (as only one written by hand can) says nothing."""
    for selections in coupons.values_list("recommended_events", flat=True):
        yield from (each for each in selections if all(each.get(attribute) for attribute in ATTRIBUTES))


def _most_frequent(values: Iterable[Any], limit: int) -> tuple[Any, ...]:
    counts = Counter(values)
    return tuple(sorted(counts, key=lambda value: (-counts[value], value))[:limit])

"""Builds the user context from the stored rows, and refreshes the favourite pairs that the profile caches."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf

import numpy as np
from django.conf import settings

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.recommenders.base import BettingProfile, Pair, ProfilePart
from recommendations.tallies.user_tallies import Tallies
from tenants.errors import DatabaseReadOnly
from tenants.routing.connections import casino_prepared_cursor

from .engine import CasinoContext, RecommendationRequest, UserContext
from .load import FoundUser

PAIRS_KEPT = 20

# No request waits for the disk: after a crash the next one computes the pairs again. The setting lasts until the end of
# the transaction, which is this statement's own.
_NO_WAIT = "(SELECT set_config('synchronous_commit', 'off', true)) AS no_wait"
# A concurrent purchase changes the counter: then nothing is written, and the next request computes the pairs.
_KEEP_PAIRS = f"""
UPDATE users_profile SET
    favorite_sport_league_json = %(pairs)s::jsonb, purchases_at_last_update = 0, last_updated = %(now)s
FROM {_NO_WAIT} WHERE id = %(profile)s AND purchases_at_last_update = %(seen)s
"""
# The lock keeps a concurrently erased user erased.
_ADD_PAIRS = f"""
INSERT INTO users_profile (user_id, favorite_sport_league_json, last_updated)
SELECT id, %(pairs)s::jsonb, %(now)s FROM users, {_NO_WAIT} WHERE id = %(user)s FOR KEY SHARE OF users
ON CONFLICT DO NOTHING
"""


def build_user_context(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> UserContext:
    """The user's tallies and profile, as far as the request needs them."""
    tallies, needs = user.tallies(), request.needs
    events, matches = tallies.events_bet_on()
    pairs: tuple[Pair, ...] = ()
    if ProfilePart.FAVORITE_PAIRS in needs:
        rng = np.random.default_rng(request.seed(user.user_id, 0))
        pairs = favorite_pairs(user, tallies, casino_context.offer, request.now, rng)
    has_top_values = ProfilePart.TOP_VALUES in needs
    return UserContext(
        user_id=user.user_id,
        user=user,
        profile=BettingProfile(
            country=user.country,
            favorite_sport=user.favorite_sport,
            favorite_pairs=pairs,
            top_values={name: tallies.top(name, 2) for name in ATTRIBUTES} if has_top_values else {},
            counts=tallies.counts if ProfilePart.TALLIES in needs else {},
            weights=tallies.weights_at(request.hour) if ProfilePart.TALLIES in needs else {},
            recent=tallies.recent if request.needs_reasons else (),
        ),
        coupon_count=user.coupon_count or 0,
        usual_stake=usual_stake(tallies, request.now, since=user.currency_since),
        held_events=events,
        held_matches=matches,
    )


def usual_stake(tallies: Tallies, now: datetime, *, since: datetime | None = None) -> Decimal | None:
    """The median of the latest stakes in the user's currency, which is the same `since` then (None: always); None
    without stakes.

    The stakes of the last `STAKE_COOLING_HOURS` may lower it, never raise it, so that chasing losses does not raise the
    suggestion.
    """
    begin = -inf if since is None else since.timestamp()
    calm = tallies.stake_median(begin, (now - timedelta(hours=settings.STAKE_COOLING_HOURS)).timestamp())
    medians = [median for median in (tallies.stake_median(begin), calm) if median is not None]
    return min(medians, default=None)


def favorite_pairs(
    user: FoundUser, tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator
) -> tuple[Pair, ...]:
    """The user's favourite (sport, league) pairs: cached in the profile, and recomputed after
    `INFERENCE_REFRESH_PURCHASES` purchases."""
    if not _is_stale(user):
        return tuple((sport, league) for sport, league in json.loads(user.favorite_pairs or "[]"))
    pairs = compute_favorite_pairs(tallies, offer, now, rng)
    with suppress(DatabaseReadOnly):  # while the casino moves, every request computes
        _keep_pairs(user, pairs, now)
    return pairs


def with_fresh_pairs(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> FoundUser:
    """The user with fresh favourite pairs, without storing them."""
    if not _is_stale(user):
        return user
    rng = np.random.default_rng(request.seed(user.user_id, 0))
    pairs = compute_favorite_pairs(user.tallies(), casino_context.offer, request.now, rng)
    return replace(user, favorite_pairs=json.dumps(pairs), purchases_at_last_update=0)


def compute_favorite_pairs(tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Pairs of the user's coupons of the last `INFERENCE_WINDOW_DAYS`, the most frequent first (equally frequent ones
    alphabetically), then random other pairs of the offer; 20 in all, or fewer."""
    since = now - timedelta(days=settings.INFERENCE_WINDOW_DAYS)
    counts = tallies.pairs_within(since.timestamp(), now.timestamp())
    bet_on = sorted(counts, key=lambda pair: (-counts[pair], pair))[:PAIRS_KEPT]
    coming = offer.pair.keep(offer.begins > now.timestamp()).present()
    others = sorted(pair for pair in coming if pair not in counts)
    rng.shuffle(others)
    return (*bet_on, *others[: PAIRS_KEPT - len(bet_on)])


def _is_stale(user: FoundUser) -> bool:
    return user.favorite_pairs is None or (user.purchases_at_last_update or 0) >= settings.INFERENCE_REFRESH_PURCHASES


def _keep_pairs(user: FoundUser, pairs: tuple[Pair, ...], now: datetime) -> None:
    kept = {
        "user": user.user_id,
        "profile": user.profile_id,
        "pairs": json.dumps(pairs),
        "now": now,
        "seen": user.purchases_at_last_update or 0,
    }
    with casino_prepared_cursor() as cursor:
        cursor.execute(_ADD_PAIRS if user.profile_id is None else _KEEP_PAIRS, kept)

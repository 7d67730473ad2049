"""What a user's coupons say about the user: from what is kept of them to what the engine asks."""

import json
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from math import inf

import numpy as np
from django.conf import settings

from recommendations.offer import ATTRIBUTES, Offer
from recommendations.recommenders.base import Pair, Profile, ProfilePart
from recommendations.tallies.user_tallies import Tallies
from tenants.errors import DatabaseReadOnly
from tenants.routing.connections import casino_prepared_cursor

from .engine import CasinoContext, RecommendationRequest, UserContext
from .load import FoundUser

PAIRS_KEPT = 20

# A request waits for no disk: what a crash takes, the next one computes. It holds until the transaction ends, which is
# the statement's own: nobody recommends inside another.
_NO_WAIT = "(SELECT set_config('synchronous_commit', 'off', true)) AS no_wait"
# A purchase that came in meanwhile must not be forgotten: then the counter differs, and the next request computes.
_KEEP_PAIRS = f"""
UPDATE users_profile SET
    favorite_sport_league_json = %(pairs)s::jsonb, purchases_at_last_update = 0, last_updated = %(now)s
FROM {_NO_WAIT} WHERE id = %(profile)s AND purchases_at_last_update = %(seen)s
"""
# Nor does a user who was erased meanwhile come back.
_ADD_PAIRS = f"""
INSERT INTO users_profile (user_id, favorite_sport_league_json, last_updated)
SELECT id, %(pairs)s::jsonb, %(now)s FROM users, {_NO_WAIT} WHERE id = %(user)s FOR KEY SHARE OF users
ON CONFLICT DO NOTHING
"""


def build_user_context(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> UserContext:
    """The user as the engine sees users, with what the request needs."""
    tallies = user.tallies()
    events, matches = tallies.events_bet_on()
    return UserContext(
        user_id=user.user_id,
        user=user,
        profile=_profile(user, tallies, request, casino_context),
        coupon_count=user.coupon_count or 0,
        usual_stake=usual_stake(tallies, request.now, since=user.currency_since),
        held_events=events,
        held_matches=matches,
    )


def _profile(
    user: FoundUser, tallies: Tallies, request: RecommendationRequest, casino_context: CasinoContext
) -> Profile:
    needs = request.needs
    needs_tallies = ProfilePart.TALLIES in needs
    return Profile(
        country=user.country,
        favorite_sport=user.favorite_sport,
        favorite_pairs=(
            favorite_pairs(
                user, tallies, casino_context.offer, request.now, np.random.default_rng(request.seed(user.user_id, 0))
            )
            if ProfilePart.FAVORITE_PAIRS in needs
            else ()
        ),
        top_values=_top_values(tallies) if ProfilePart.TOP_VALUES in needs else {},
        counts=tallies.counts if needs_tallies else {},
        weights=tallies.weights_at(request.hour) if needs_tallies else {},
        recent=tallies.recent if request.needs_reasons else (),
    )


def _top_values(tallies: Tallies) -> dict[str, tuple[str, ...]]:
    return {attribute: tallies.top(attribute, 2) for attribute in ATTRIBUTES}


def usual_stake(tallies: Tallies, now: datetime, *, since: datetime | None = None) -> Decimal | None:
    """The median of the latest stakes, in the user's currency, which has been that `since` (None: always); None without
    any.

    The stakes of the last `STAKE_COOLING_HOURS` may lower it, never raise it: whoever stakes more and more to win back
    what was lost is not led on.
    """
    begin = -inf if since is None else since.timestamp()
    calm = tallies.stake_median(begin, (now - timedelta(hours=settings.STAKE_COOLING_HOURS)).timestamp())
    medians = [median for median in (tallies.stake_median(begin), calm) if median is not None]
    return min(medians, default=None)


def favorite_pairs(
    user: FoundUser, tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator
) -> tuple[Pair, ...]:
    """The user's favourite (sport, league) pairs, from the profile, or computed anew and kept there when
    `INFERENCE_REFRESH_PURCHASES` purchases have come in since."""
    if not _is_stale(user):
        return tuple((sport, league) for sport, league in json.loads(user.favorite_pairs or "[]"))
    pairs = compute_favorite_pairs(tallies, offer, now, rng)
    with suppress(DatabaseReadOnly):  # while the casino moves, every request computes
        _keep_pairs(user, pairs, now)
    return pairs


def with_fresh_pairs(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> FoundUser:
    """The user with favourite pairs that are not stale, for whoever wants to ask and keep nothing."""
    if not _is_stale(user):
        return user
    rng = np.random.default_rng(request.seed(user.user_id, 0))
    pairs = compute_favorite_pairs(user.tallies(), casino_context.offer, request.now, rng)
    return replace(user, favorite_pairs=json.dumps(pairs), purchases_at_last_update=0)


def compute_favorite_pairs(tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator) -> tuple[Pair, ...]:
    """Pairs of the user's coupons of the last `INFERENCE_WINDOW_DAYS`, the most frequent first (equally frequent ones
    alphabetically), then random other pairs of the offer: 20 in all, if there are so many."""
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

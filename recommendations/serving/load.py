"""Loads users and their casino's context by a request's single query, and builds each user's context."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from math import inf
from typing import Any

import msgspec
import numpy as np
from django.conf import settings

from recommendations.errors import UnknownTalliesFormat
from recommendations.fitted_models.model_cache import MODEL_VERSION, model_cache
from recommendations.offer import OFFER_COLUMNS, Offer, offers
from recommendations.prices.queries import COLUMN_COUNT as PRICE_COLUMN_COUNT
from recommendations.prices.queries import PRICE_COLUMNS
from recommendations.prices.request_prices import prices_at_begin, prices_of_query
from recommendations.recommenders.base import NOBODY, BettingProfile, LazyBets, LazyTally, ProfilePart, is_current
from recommendations.tallies.selections import NO_SEQUENCE
from recommendations.tallies.tallies_cache import CachedTallies, tallies_cache
from recommendations.tallies.trend_cache import TRENDS, trend_cache
from recommendations.tallies.user_tallies import LazyTallies, Summary, Tallies
from recommendations.tallies.user_tallies_sql import (
    ALL_COUPONS,
    MERGED_TALLIES,
    TALLIES_OF_USER,
    TALLIES_VERSION,
    UNMERGED_COUPONS,
    merge_tallies,
)
from recommendations.text_ids import Kind, generated_id, ids_of
from recommendations.validation.identity import league_key, parts_of
from recommendations.validation.own_ids import OwnId
from tenants.errors import DatabaseReadOnly
from tenants.routing.connections import casino_connection
from tenants.routing.context import get_current_casino

from .engine import CasinoContext, RecommendationRequest, UserContext

# Pairs written by this service have at most 16 KB; larger ones are computed again. The stored size, known without
# decompressing the value, is checked first.
_MAX_PAIRS_BYTES = 32_768
_STORED_PAIRS = (
    f"CASE WHEN pg_column_size(profile.favorite_sport_league_json) <= {_MAX_PAIRS_BYTES} "
    f"AND octet_length(profile.favorite_sport_league_json::text) <= {_MAX_PAIRS_BYTES} "
    "THEN profile.favorite_sport_league_json END"
)

# Tallies are not read for a user who does not allow personalisation, nor if the cached version is current.
_UNLESS_KEPT = "CASE WHEN users.personalisation AND seen.version IS DISTINCT FROM %(kept_version)s THEN ({}) END"
_SEEN = f"LEFT JOIN LATERAL (SELECT {TALLIES_VERSION} AS version OFFSET 0) AS seen ON users.personalisation"
_USER = (
    "users.id", "users.currency", "users.country", "users.birth_year", "users.birth_date", "users.status",
    "users.status_until", "users.is_withheld", "users.currency_since", "users.stake_limit", "users.limit_left",
    "users.favorite_sport", "profile.id", _STORED_PAIRS, "profile.purchases_at_last_update", "profile.coupon_count",
    _UNLESS_KEPT.format(MERGED_TALLIES), _UNLESS_KEPT.format(UNMERGED_COUPONS), "users.restricted_until",
    "users.personalisation", "seen.version",
)  # fmt: skip

# One row: the casino's columns, and the user's, which are null for an unknown user.
_OF_ONE_USER = f"""
SELECT {{common}}, {{user}}
FROM (SELECT 1) AS always LEFT JOIN users ON users.id = %(user_ids)s
LEFT JOIN users_profile AS profile ON profile.user_id = users.id {_SEEN}
"""
# For a user whose id is text. `user_ids`: the generated id that its digits may be, or null.
_OF_ONE_TEXT = _OF_ONE_USER.replace(
    "%(user_ids)s",
    "coalesce((SELECT id FROM text_ids WHERE kind = 'users' AND text = %(text)s), %(user_ids)s)",
)
# A row with the casino's columns, which may have megabytes, and a row for each user.
_OF_USERS = f"""
SELECT {{common}}, {{no_user}}
UNION ALL
SELECT {{no_common}}, {{user}}
FROM users LEFT JOIN users_profile AS profile ON profile.user_id = users.id {_SEEN} WHERE users.id = ANY(%(user_ids)s)
"""
_COMMON = 4
_ALL_OF_USER = f"SELECT {ALL_COUPONS} FROM users_profile AS profile WHERE user_id = %s"

MAX_PAIRS = 20
# Pairs of earlier releases have no country, and are computed again.
_PAIRS = msgspec.json.Decoder(list[tuple[str, str, str]])  # sport, league, country

# No request waits for the disk: after a crash, the next one computes the pairs again. The setting lasts until the end
# of the transaction, which consists of this statement.
_NO_WAIT = "(SELECT set_config('synchronous_commit', 'off', true)) AS no_wait"
# If a concurrent purchase changes the counter, nothing is written, and the next request computes the pairs.
_UPDATE_PAIRS = f"""
UPDATE users_profile SET
    favorite_sport_league_json = %(pairs)s::jsonb, purchases_at_last_update = 0, last_updated = %(now)s
FROM {_NO_WAIT} WHERE id = %(profile)s AND purchases_at_last_update = %(seen)s
"""
# The lock prevents inserting a profile of a concurrently erased user.
_INSERT_PAIRS = f"""
INSERT INTO users_profile (user_id, favorite_sport_league_json, last_updated)
SELECT id, %(pairs)s::jsonb, %(now)s FROM users, {_NO_WAIT} WHERE id = %(user)s FOR KEY SHARE OF users
ON CONFLICT DO NOTHING
"""


# Errors of tallies of another release, until the next merge, and of damaged ones.
_UNREADABLE = (UnknownTalliesFormat, LookupError, ValueError, ArithmeticError)


class FoundUser(msgspec.Struct, frozen=True):
    """A user's row with the profile's. `favorite_pairs`: JSON, None until first computed. `own_id`: the casino's own id
    of the user. `kept`: cached results of the row's `tallies_version`, which replace the columns of the tallies."""

    user_id: int
    currency: str
    country: str
    birth_year: int | None
    birth_date: date | None
    status: str
    status_until: datetime | None
    is_withheld: bool
    currency_since: datetime | None
    stake_limit: Decimal | None
    limit_left: Decimal | None
    favorite_sport: str
    profile_id: int | None
    favorite_pairs: str | None
    purchases_at_last_update: int | None
    coupon_count: int | None
    packed_tallies: bytes | None
    pending_coupons: str | None
    restricted_until: datetime | None
    personalisation: bool
    tallies_version: str | None
    own_id: OwnId
    kept: CachedTallies | None = None

    def tallies(self) -> Tallies:
        try:
            return self.merge()
        except _UNREADABLE:
            return _recount_tallies(self.user_id)

    def merge(self, *, must_be_consistent: bool = False) -> Tallies:
        """The user's tallies; read from the database if the columns were not. Raises UnknownTalliesFormat."""
        columns, is_late = (self.packed_tallies, self.pending_coupons), self.kept is not None
        if is_late:
            [columns] = casino_connection().query_prepared(TALLIES_OF_USER, [self.user_id]) or [columns]
        return merge_tallies(*columns, must_be_consistent=must_be_consistent or is_late)


class Found(msgspec.Struct, frozen=True):
    """The requested users that exist, by the casino's own id, and their casino's context."""

    users: Mapping[OwnId, FoundUser]
    casino_context: CasinoContext


def find(
    user_ids: Sequence[OwnId], now: datetime, hour: float, needs: Collection[ProfilePart] = frozenset(ProfilePart)
) -> Found:
    """Load users of the current casino, and its offer as of this query; trends and models may lag by some seconds.
    `needs`: of the recommenders; they decide on counting sequences of bets, and on reading tallies."""
    known = offers.known()
    trends = trend_cache.get(now)
    prices = prices_at_begin() if known.offer is not None and known.offer.offered_by is not None else None
    common: tuple[str, ...] = (OFFER_COLUMNS, TRENDS if trends is None else "NULL", MODEL_VERSION)
    count = _COMMON
    if prices is not None and prices.version is not None:
        common, count = (*common, PRICE_COLUMNS), count + PRICE_COLUMN_COUNT
    is_one = len(user_ids) == 1
    wanted = _query_of_one(user_ids[0]) if is_one else _query_of_several(user_ids)
    of_prices = {} if prices is None else prices.parameters
    kept = tallies_cache.get((known.alias, user_ids[0])) if is_one else None
    if kept is not None and not _is_sufficient(kept, needs, hour, has_prices=prices is not None):
        kept = None
    parameters = {"now": now, "hour": hour, "offer_version": known.version, **of_prices, **wanted.parameters}
    parameters["kept_version"] = None if kept is None else kept.version
    rows = casino_connection().query_prepared(_sql(common, count, wanted.sql), parameters)
    # of several rows, the one without a user has the casino's columns
    common_row = rows[0] if is_one else next(row for row in rows if row[count] is None)
    version, changes, read_trends, model_version = common_row[:_COMMON]
    offer = offers.advance(known, version, changes, now)
    casino_context = CasinoContext(
        offer=offer,
        trends=trend_cache.put(read_trends, now) if trends is None else trends,
        models=model_cache.at(model_version, now, has_bets=ProfilePart.SEQUENCE in needs),
        prices=None if offer.offered_by is None else prices_of_query(prices, common_row[_COMMON:count]),
    )
    if kept is not None and kept.version != rows[0][-1]:
        kept = None
    users = [
        FoundUser(*(*row[count:], user_ids[0] if is_one else wanted.texts.get(row[count], row[count]), kept))
        for row in rows
        if row[count] is not None
    ]
    return Found({user.own_id: user for user in users}, casino_context)


def _is_sufficient(kept: CachedTallies, needs: Collection[ProfilePart], hour: float, *, has_prices: bool) -> bool:
    """Whether a request with these needs can use the cached results without reading tallies. Exceptions, which read
    them late: the first request after a change of the offer, markets or models, and the first one of another
    recommender."""
    of_tallies, of_bets = kept.memos.get(hour, ({}, {}))
    return (
        ProfilePart.RECENT not in needs
        and (ProfilePart.TALLIES not in needs or is_current(of_tallies))
        and (ProfilePart.TOP_VALUES not in needs or kept.summary.top_values is not None)
        and (not has_prices or not kept.summary.names_outcomes or is_current(of_bets))
    )


class _UserQuery(msgspec.Struct, frozen=True):
    """The requested users, for the query `sql`. `texts`: stored id -> text id, for several users."""

    sql: str
    parameters: Mapping[str, Any]
    texts: Mapping[int, str] = {}


def _query_of_one(user_id: OwnId) -> _UserQuery:
    if isinstance(user_id, int):
        return _UserQuery(_OF_ONE_USER, {"user_ids": user_id})
    return _UserQuery(_OF_ONE_TEXT, {"text": user_id, "user_ids": generated_id(user_id)})


def _query_of_several(user_ids: Sequence[OwnId]) -> _UserQuery:
    texts = [each for each in user_ids if isinstance(each, str)]
    by_id = {stored: text for text, stored in ids_of(Kind.USERS, texts).items()} if texts else {}
    numbers = [*(each for each in user_ids if isinstance(each, int)), *by_id]
    return _UserQuery(_OF_USERS, {"user_ids": numbers}, by_id)


def _recount_tallies(user_id: int) -> Tallies:
    with casino_connection().cursor() as cursor:
        cursor.execute(_ALL_OF_USER, [user_id])
        [coupons] = cursor.fetchone() or [None]
    return merge_tallies(None, coupons)


@cache
def _sql(common: tuple[str, ...], count: int, sql: str) -> str:
    """The query with these casino's columns, `count` columns in total."""
    no_common, no_user = (", ".join(["NULL"] * each) for each in (count, len(_USER)))
    return sql.format(common=", ".join(common), user=", ".join(_USER), no_common=no_common, no_user=no_user)


def build_user_context(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> UserContext:
    """Build the user's context: tallies, and the parts of the profile that the request needs. It is empty for a user
    who does not allow personalisation."""
    if not user.personalisation:
        return UserContext(user.user_id, user.own_id, user, NOBODY, personalisation=False)
    key, has_top_values = (get_current_casino().alias, user.own_id), ProfilePart.TOP_VALUES in request.needs
    kept = user.kept or tallies_cache.get(key)
    if kept is not None and (
        kept.version != user.tallies_version or (has_top_values and kept.summary.top_values is None)
    ):
        kept = None
    try:
        if kept is None:
            tallies = user.merge(must_be_consistent=True)
            summary = tallies.summarise(with_top_values=has_top_values)
        else:
            summary, tallies = kept.summary, LazyTallies(user.tallies, kept.memos)
        user_context = _build_user_context(user, tallies, summary, request, casino_context)
    except _UNREADABLE:
        tallies = _recount_tallies(user.user_id)
        summary = tallies.summarise(with_top_values=has_top_values)
        return _build_user_context(user, tallies, summary, request, casino_context)
    # outside of `try`: an error of the cache must not be handled as unreadable tallies
    if kept is None and user.kept is None and user.tallies_version is not None:
        tallies_cache.put(key, user.tallies_version, tallies, summary)
    return user_context


def _build_user_context(
    user: FoundUser,
    tallies: Tallies,
    summary: Summary,
    request: RecommendationRequest,
    casino_context: CasinoContext,
) -> UserContext:
    pairs: tuple[str, ...] = ()
    if ProfilePart.FAVORITE_PAIRS in request.needs:
        rng = np.random.default_rng(request.seed(user.user_id, 0))
        pairs = favorite_pairs(user, tallies, casino_context.offer, request.now, rng)
    currency_since = -inf if user.currency_since is None else user.currency_since.timestamp()
    calm_until = (request.now - timedelta(hours=settings.STAKE_COOLING_HOURS)).timestamp()
    return UserContext(
        user_id=user.user_id,
        own_id=user.own_id,
        user=user,
        profile=BettingProfile(
            country=user.country,
            favorite_sport=user.favorite_sport,
            favorite_pairs=pairs,
            **parts_of_tallies(tallies, summary, request, casino_context),
            recent=tallies.recent if ProfilePart.RECENT in request.needs else (),
        ),
        coupon_count=user.coupon_count or 0,
        usual_stake=summary.usual_stake(since=currency_since, calm_until=calm_until),
        held_events=summary.events,
        held_matches=summary.matches,
    )


def parts_of_tallies(
    tallies: Tallies, summary: Summary, request: RecommendationRequest, casino_context: CasinoContext
) -> dict[str, Any]:
    """The fields of a betting profile that come from tallies; empty if the request does not need them."""
    has_tallies = ProfilePart.TALLIES in request.needs
    of_tallies, of_bets = tallies.memos_at(request.hour)
    return {
        "top_values": (summary.top_values or {}) if ProfilePart.TOP_VALUES in request.needs else {},
        "counts": LazyTally(partial(getattr, tallies, "counts")) if has_tallies else {},
        "weights": LazyTally(partial(tallies.weights_at, request.hour)) if has_tallies else {},
        "sequence": summary.sequence if ProfilePart.SEQUENCE in request.needs else NO_SEQUENCE,
        "memo": of_tallies if has_tallies else {},
        "bets_memo": of_bets,
        # every recommender's choice of an outcome needs the bets
        "bets": ()
        if casino_context.prices is None
        else LazyBets(partial(tallies.bets_at, request.hour), summary.names_outcomes),
    }


def favorite_pairs(
    user: FoundUser, tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator
) -> tuple[str, ...]:
    """The leagues of the user's favourite (sport, league) pairs. They are cached in the profile, and recomputed after
    `INFERENCE_REFRESH_PURCHASES` purchases."""
    if not _is_stale(user):
        with suppress(msgspec.MsgspecError):  # a row of another release
            stored = _PAIRS.decode(user.favorite_pairs or "[]")
            return tuple(league_key(sport, country, league) for sport, league, country in stored)
    pairs = compute_favorite_pairs(tallies, offer, now, rng)
    with suppress(DatabaseReadOnly):  # while the database moves, every request computes them
        _store_pairs(user, pairs, now)
    return pairs


def with_fresh_pairs(user: FoundUser, request: RecommendationRequest, casino_context: CasinoContext) -> FoundUser:
    """The user with fresh favourite pairs, without storing them."""
    if not _is_stale(user):
        return user
    rng = np.random.default_rng(request.seed(user.user_id, 0))
    pairs = compute_favorite_pairs(user.tallies(), casino_context.offer, request.now, rng)
    return msgspec.structs.replace(user, favorite_pairs=_as_json(pairs), purchases_at_last_update=0)


def compute_favorite_pairs(tallies: Tallies, offer: Offer, now: datetime, rng: np.random.Generator) -> tuple[str, ...]:
    """The leagues of the user's coupons of the last `INFERENCE_WINDOW_DAYS`, the most frequent first (equally frequent
    ones alphabetically), then random others of the offer; at most 20 in total."""
    since = now - timedelta(days=settings.INFERENCE_WINDOW_DAYS)
    counts = tallies.leagues_within(since.timestamp(), now.timestamp())
    bet_on = sorted(counts, key=lambda league: (-counts[league], league))[:MAX_PAIRS]
    coming = offer.league.keep(offer.begins > now.timestamp()).present()
    others = sorted(league for league in coming if league not in counts)
    rng.shuffle(others)
    return (*bet_on, *others[: MAX_PAIRS - len(bet_on)])


def _is_stale(user: FoundUser) -> bool:
    return user.favorite_pairs is None or (user.purchases_at_last_update or 0) >= settings.INFERENCE_REFRESH_PURCHASES


def _as_json(pairs: tuple[str, ...]) -> str:
    """JSON of [sport, league, country] for each league; the country is last, for readers that expect pairs."""
    parts = (parts_of(league) for league in pairs)
    return json.dumps([[sport, league, country] for sport, country, league in parts])


def _store_pairs(user: FoundUser, pairs: tuple[str, ...], now: datetime) -> None:
    parameters = {
        "user": user.user_id,
        "profile": user.profile_id,
        "pairs": _as_json(pairs),
        "now": now,
        "seen": user.purchases_at_last_update or 0,
    }
    with casino_connection().prepared_cursor() as cursor:
        cursor.execute(_INSERT_PAIRS if user.profile_id is None else _UPDATE_PAIRS, parameters)

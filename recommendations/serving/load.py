"""All that a request needs of its casino's database, by one query: users with their profiles, how the offer changed,
and now and then what is in fashion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from recommendations.errors import UnknownTalliesFormat
from recommendations.fitted_models.model_cache import MODEL_VERSION, model_cache
from recommendations.offer import OFFER_COLUMNS, offers
from recommendations.tallies.trend_cache import TRENDS, trend_cache
from recommendations.tallies.user_tallies import Tallies
from recommendations.tallies.user_tallies_sql import ALL_COUPONS, MERGED_TALLIES, UNMERGED_COUPONS, merge_tallies
from tenants.routing.connections import casino_connection, casino_prepared_cursor

from .engine import CasinoContext

_USER = (
    "users.id", "users.currency", "users.country", "users.birth_year", "users.birth_date", "users.status",
    "users.status_until", "users.currency_since", "users.stake_limit", "users.limit_left", "users.favorite_sport",
    "profile.id", "profile.favorite_sport_league_json", "profile.purchases_at_last_update", "profile.coupon_count",
    MERGED_TALLIES, UNMERGED_COUPONS,
)  # fmt: skip

# What is the same for all users comes with the first of them.
_SQL = """
SELECT {common}, {user}
FROM (SELECT 1) AS always LEFT JOIN users ON users.id {wanted}
LEFT JOIN users_profile AS profile ON profile.user_id = users.id
"""
_COMMON = 4
_ANEW = f"SELECT {ALL_COUPONS} FROM users_profile AS profile WHERE user_id = %s"


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user's row, with the profile's; `favorite_pairs` is JSON, None until they are computed for the first time."""

    user_id: int
    currency: str
    country: str
    birth_year: int
    birth_date: date | None
    status: str
    status_until: datetime | None
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

    def tallies(self) -> Tallies:
        try:
            return merge_tallies(self.packed_tallies, self.pending_coupons)
        except UnknownTalliesFormat:  # another release's, until they are folded next
            return _tallies_anew(self.user_id)


@dataclass(frozen=True, slots=True)
class Found:
    """Of the users asked for, those that there are, by id; and what there is to bet on."""

    users: Mapping[int, FoundUser]
    casino_context: CasinoContext


def find(user_ids: Sequence[int], now: datetime, hour: float) -> Found:
    """Look up users of the current casino. Nothing of the answer is older than this query but trends and models, which
    may be some seconds old."""
    known = offers.known()
    needs_trends = trend_cache.is_due(now)
    common = (OFFER_COLUMNS, TRENDS if needs_trends else "NULL", MODEL_VERSION)
    rows = _query(user_ids, common, {"offer_version": known.version, "now": now, "hour": hour})
    version, changes, trends, model_version = rows[0][:_COMMON]
    casino_context = CasinoContext(
        offer=offers.advance(known, version, changes, now),
        trends=trend_cache.put(trends, now) if needs_trends else trend_cache.get(),
        models=model_cache.at(model_version, now),
    )
    users = {row[_COMMON]: FoundUser(*row[_COMMON:]) for row in rows if row[_COMMON] is not None}
    return Found(users, casino_context)


def _query(user_ids: Sequence[int], common: tuple[str, ...], parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    is_one = len(user_ids) == 1
    with casino_prepared_cursor() as cursor:
        cursor.execute(_sql(common, is_one), parameters | {"user_ids": user_ids[0] if is_one else list(user_ids)})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _tallies_anew(user_id: int) -> Tallies:
    with casino_connection().cursor() as cursor:
        cursor.execute(_ANEW, [user_id])
        [coupons] = cursor.fetchone() or [None]
    return merge_tallies(None, coupons)


@cache
def _sql(common: tuple[str, ...], is_one: bool) -> str:
    wanted = "= %(user_ids)s" if is_one else "= ANY(%(user_ids)s)"
    return _SQL.format(common=", ".join(common), user=", ".join(_USER), wanted=wanted)

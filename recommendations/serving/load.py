"""The one query of a request: users and their profiles, changes of the offer, the models' version, expired trends."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache

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

# The columns of the casino are the same in each row.
_SQL = """
SELECT {common}, {user}
FROM (SELECT 1) AS always LEFT JOIN users ON users.id {wanted}
LEFT JOIN users_profile AS profile ON profile.user_id = users.id
"""
_COMMON = 4
_ALL_OF_USER = f"SELECT {ALL_COUPONS} FROM users_profile AS profile WHERE user_id = %s"


@dataclass(frozen=True, slots=True)
class FoundUser:
    """A user's row with the profile's; `favorite_pairs` is JSON, None until first computed."""

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
            return _recount_tallies(self.user_id)


@dataclass(frozen=True, slots=True)
class Found:
    """The known ones of the requested users, by id, and their casino's context."""

    users: Mapping[int, FoundUser]
    casino_context: CasinoContext


def find(user_ids: Sequence[int], now: datetime, hour: float) -> Found:
    """Load users of the current casino, and its offer as of this query; trends and models may be some seconds old."""
    known = offers.known()
    needs_trends = trend_cache.is_due(now)
    common = (OFFER_COLUMNS, TRENDS if needs_trends else "NULL", MODEL_VERSION)
    is_one = len(user_ids) == 1
    wanted = user_ids[0] if is_one else list(user_ids)
    with casino_prepared_cursor() as cursor:
        parameters = {"offer_version": known.version, "now": now, "hour": hour, "user_ids": wanted}
        cursor.execute(_sql(common, is_one), parameters)
        rows = cursor.fetchall()
    version, changes, trends, model_version = rows[0][:_COMMON]
    casino_context = CasinoContext(
        offer=offers.advance(known, version, changes, now),
        trends=trend_cache.put(trends, now) if needs_trends else trend_cache.get(),
        models=model_cache.at(model_version, now),
    )
    users = {row[_COMMON]: FoundUser(*row[_COMMON:]) for row in rows if row[_COMMON] is not None}
    return Found(users, casino_context)


def _recount_tallies(user_id: int) -> Tallies:
    with casino_connection().cursor() as cursor:
        cursor.execute(_ALL_OF_USER, [user_id])
        [coupons] = cursor.fetchone() or [None]
    return merge_tallies(None, coupons)


@cache
def _sql(common: tuple[str, ...], is_one: bool) -> str:
    wanted = "= %(user_ids)s" if is_one else "= ANY(%(user_ids)s)"
    return _SQL.format(common=", ".join(common), user=", ".join(_USER), wanted=wanted)

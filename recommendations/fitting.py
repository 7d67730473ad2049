"""Fitting models to what the current casino's users bet on."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tenants.connections import casino_connection

from .fitted import store_models
from .pending import PENDING, TALLIES, tallies_of
from .recommenders import neighbours
from .recommenders.base import Profile

_USERS_AT_ONCE = 1_000

_READ = (
    f"SELECT profile.user_id, profile.coupon_count, {TALLIES}, {PENDING} FROM users_profile AS profile "  # noqa: S608
    "WHERE profile.user_id > %s ORDER BY profile.user_id LIMIT %s"
)


def fit_models(now: datetime) -> int | None:
    """Fit what is fitted (`neighbours`), keep it, and serve it from now on. Answers its version, or None where there is
    too little to learn from, which changes nothing."""
    rows, coupons = [], 0
    for tokens, count in _users(now):
        rows.append(tokens)
        coupons += count
    model = neighbours.fit(rows)
    return None if model is None else store_models([("neighbours", model.encode())], coupons=coupons)


def _users(now: datetime) -> Iterator[tuple[Mapping[str, float], int]]:
    """(tokens, number of coupons) of each user who has any."""
    for count, packed, pending in _profiles():
        weights = tallies_of(packed, pending).weights_at(now.timestamp())
        if tokens := neighbours.tokens_of(Profile(weights=weights)):
            yield tokens, count


def _profiles() -> Iterator[tuple[Any, ...]]:
    last = 0
    while True:
        with casino_connection().cursor() as cursor:
            cursor.execute(_READ, [last, _USERS_AT_ONCE])
            rows = cursor.fetchall()
        if not rows:
            return
        last = rows[-1][0]
        yield from (row[1:] for row in rows)

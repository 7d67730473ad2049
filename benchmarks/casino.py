"""Builds the benchmarks' casino: 5,000 open events, 2,000 users, 20,000 coupons, all generated."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from recommendations.evaluation.training import fit_models
from recommendations.storing import prune_casino_tallies, store_coupons, store_events, store_users
from recommendations.validation.own_ids import OwnId
from recommendations.validation.rows import CouponRow, EventRow, Selection, UserRow
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino

EVENTS, USERS, COUPONS = 5_000, 2_000, 20_000
_BATCH = 2_000
_LEAGUES = [(f"COUNTRY {number % 40}", f"LEAGUE {number}") for number in range(120)]
_SPORTS = ("FOOTBALL", "BASKETBALL", "HANDBALL")


OwnIdOf = Callable[[str, int], OwnId]


def build_fitted_casino() -> Casino:
    """The casino after the nightly maintenance: its tallies are pruned, and its models fitted."""
    casino = build_casino()
    with use_casino(casino.current):
        prune_casino_tallies(timezone.now())
        fit_models(timezone.now())
    return casino


def build_casino(
    name: str = "Benchmark",
    own_id: OwnIdOf = lambda _, number: number,
    coupon_of: Callable[[CouponRow], CouponRow] = lambda coupon: coupon,
) -> Casino:
    """Fill the casino with the same ids at each call; a second call moves its events to the future. `own_id` makes the
    id of a table's row from its number, `coupon_of` the stored coupon from the generated one."""
    ensure_catalogue()
    [casino] = store_casinos([name])
    rng, now = random.Random(5), timezone.now()
    with use_casino(casino.current):
        events = [_event(rng, own_id("events", number), now) for number in range(1, EVENTS + 1)]
        _store_in_batches(store_events, events)
        users = [own_id("users", number) for number in range(1, USERS + 1)]
        _store_in_batches(store_users, [_user(rng, user_id, now) for user_id in users])
        coupons = [own_id("coupons", number) for number in range(1, COUPONS + 1)]
        rows = [_coupon(rng, coupon_id, users, events, now) for coupon_id in coupons]
        _store_in_batches(store_coupons, [coupon_of(row) for row in rows])
    return casino


def _store_in_batches(store: Callable[[Sequence[Any]], Any], rows: list[Any]) -> None:
    for start in range(0, len(rows), _BATCH):
        store(rows[start : start + _BATCH])


def _event(rng: random.Random, event_id: OwnId, now: datetime) -> EventRow:
    country, league = rng.choice(_LEAGUES)
    begin = now + timedelta(hours=24, minutes=rng.randrange(14 * 24 * 60))
    home, away = rng.sample(range(20), 2)
    return EventRow(
        id=event_id,
        begin_timestamp=begin,
        end_timestamp=begin + timedelta(hours=2),
        country=country,
        league=league,
        home_team=f"{league} TEAM {home}",
        away_team=f"{league} TEAM {away}",
        sport=rng.choice(_SPORTS),
        odd=Decimal(rng.randint(105, 900)) / 100,
    )


def _user(rng: random.Random, user_id: OwnId, now: datetime) -> UserRow:
    country, _ = rng.choice(_LEAGUES)
    return UserRow(
        id=user_id,
        name="Ada",
        surname="Lovelace",
        birth_year=1985,
        currency="EUR",
        country=country,
        gender="FEMALE",
        timestamp=now - timedelta(days=90),
        favorite_sport=rng.choice(_SPORTS),
    )


def _coupon(
    rng: random.Random, coupon_id: OwnId, users: list[OwnId], events: list[EventRow], now: datetime
) -> CouponRow:
    return CouponRow(
        id=coupon_id,
        user_id=rng.choice(users),
        stake=Decimal(rng.randint(100, 10_000)) / 100,
        timestamp=now - timedelta(minutes=rng.randrange(60 * 24 * 60)),
        recommended_events=tuple(Selection.of(event) for event in rng.sample(events, 3)),
    )

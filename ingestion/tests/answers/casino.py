"""The casino of the proof: its configuration, its users and their coupons."""

import random
from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from recommendations.services import configure
from recommendations.storing import store_coupons, store_users
from recommendations.validation.rows import CouponRow, Selection, UserRow
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino

from .checker import MAX_LIVE_AGE_SECONDS, SILENCE_SECONDS
from .http_answers import SCHEMA
from .scenario import COUNTRIES, LINES, SPORTS

_COUPONS = 6
_OPTIONS = {
    "event_limit": 6,
    "live_events": True,
    "feed_silence_seconds": SILENCE_SECONDS,
    "max_live_price_age_seconds": MAX_LIVE_AGE_SECONDS,
}


def build_casino(users: int, rng: random.Random) -> Casino:
    """A casino with users whose ids begin at 1, each with coupons on past events."""
    ensure_catalogue()
    [casino] = store_casinos(["Answers"])
    now = timezone.now()
    configure(casino=casino, recommender_type="hybrid", recommendation_schema=SCHEMA, options=_OPTIONS, now=now)
    with use_casino(casino.current):
        numbers = range(1, users + 1)
        store_users([_user(number, rng) for number in numbers])
        buyers = [number for number in numbers for _ in range(_COUPONS)]
        store_coupons([_coupon(place, user, rng) for place, user in enumerate(buyers, start=1)])
    return casino


def _user(number: int, rng: random.Random) -> UserRow:
    return UserRow(
        id=number,
        name="ADA",
        surname=f"NUMBER {number}",
        birth_year=1980,
        currency="EUR",
        country=rng.choice(COUNTRIES),
        gender="OTHER",
        timestamp=timezone.now(),
        favorite_sport=rng.choice(SPORTS),
    )


def _coupon(number: int, user: int, rng: random.Random) -> CouponRow:
    return CouponRow(
        id=number,
        user_id=user,
        stake=Decimal(rng.randint(1, 50)),
        timestamp=timezone.now() - timedelta(days=rng.randint(1, 20), seconds=rng.random()),
        recommended_events=tuple(_selection(rng) for _ in range(3)),
    )


def _selection(rng: random.Random) -> Selection:
    market, _, line, outcomes = rng.choice(LINES)
    sport, number = rng.choice(SPORTS), rng.randrange(10**6)
    return Selection(
        country=rng.choice(COUNTRIES),
        league=f"{sport} LEAGUE {rng.randint(1, 4)}",
        home_team=f"PAST {number}",
        away_team=f"GONE {number}",
        sport=sport,
        odd=Decimal(rng.randint(110, 900)) / 100,
        market=market,
        line=line,
        outcome=rng.choice(outcomes),
    )

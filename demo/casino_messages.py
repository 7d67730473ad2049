"""Generates all messages of a demo casino, as rows."""

import random
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from recommendations.validation.rows import CouponRow, EventRow, UserRow

from .casinos import DemoCasino
from .fixtures import Fixture, real_fixtures, reschedule
from .generated_fixtures import generated_fixtures
from .markets import fixture_odds
from .odds import home_odd
from .users_and_coupons import BettingPreference, DemoFixtures, make_coupons, make_users

USERS = 200


@dataclass(frozen=True, slots=True)
class CasinoMessages:
    """`preferences`: of each user, in the order of `users`."""

    events: list[EventRow]
    users: list[UserRow]
    coupons: list[CouponRow]
    preferences: list[BettingPreference]


def scheduled_fixtures(now: datetime) -> list[Fixture]:
    """All fixtures of the demo, rescheduled around `now`."""
    return reschedule(real_fixtures(), now) + reschedule(generated_fixtures(random.Random("generated")), now)


def casino_messages(casino: DemoCasino, fixtures: list[Fixture], now: datetime) -> CasinoMessages:
    rng = random.Random(casino.name)
    events = [_event(fixture, casino, now) for fixture in fixtures if casino.offers(fixture)]
    offer = DemoFixtures(events)
    users = make_users(rng, offer, count=USERS, currency=casino.currency)
    coupons = make_coupons(random.Random(f"coupons of {casino.name}"), users, offer, now)
    return CasinoMessages(events, [user for user, _ in users], coupons, [preference for _, preference in users])


def _event(fixture: Fixture, casino: DemoCasino, now: datetime) -> EventRow:
    return EventRow(
        id=fixture.id,
        begin_timestamp=fixture.begin,
        end_timestamp=fixture.end,
        country=fixture.country,
        league=fixture.league,
        home_team=fixture.home_team,
        away_team=fixture.away_team,
        sport=fixture.sport,
        odd=home_odd(fixture.sport, fixture.home_team, fixture.away_team, margin=casino.margin),
        timestamp=now if casino.has_markets else None,  # orders its prices among those of the feed
        markets=fixture_odds(fixture, margin=casino.margin, as_of=now) if casino.has_markets else UNSET,
    )

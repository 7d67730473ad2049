"""Users with real tastes (teams, leagues, odds), and the coupons that people of such tastes buy."""

import math
import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from recommendations.validation.rows import CouponRow, EventRow, Selection, UserRow

HISTORY = timedelta(days=28)
AHEAD = timedelta(days=8)  # how long before an event people bet on it
_REGISTERED = datetime(2025, 1, 1, tzinfo=UTC)
_STRAYS = 25  # events that a person looks at without any taste for them

_NAMES = ("Ada", "Alan", "Grace", "Edsger", "Barbara", "Donald", "Radia", "Dennis", "Frances", "Ken", "Hedy", "Tim")
_SURNAMES = ("Fisher", "Novak", "Silva", "Jensen", "Rossi", "Dubois", "Garcia", "Muller", "Kowalski", "Tanaka")


@dataclass(frozen=True, slots=True)
class Taste:
    """What a user likes: a sport, a league of it, two teams there, odds around `odd`; and how much is usual to bet."""

    sport: str
    league: str
    teams: frozenset[str]
    odd: float
    stake: float

    def weight(self, event: EventRow) -> float:
        """How likely a bet on this event is, next to others. Odds count by their distance on a log scale."""
        distance = math.log(float(event.odd) / self.odd) / 0.5
        likes_team = 12.0 if {event.home_team, event.away_team} & self.teams else 1.0
        likes_league = 4.0 if event.league == self.league else 1.0
        likes_sport = 2.0 if event.sport == self.sport else 1.0
        return likes_team * likes_league * likes_sport * math.exp(-(distance**2))


class Market:
    """A casino's events, found by league and by team."""

    def __init__(self, events: list[EventRow]) -> None:
        self.events = events
        self._by_name: dict[str, list[EventRow]] = defaultdict(list)
        for event in events:
            for name in (event.league, event.home_team, event.away_team):
                self._by_name[name].append(event)

    def looked_at(self, rng: random.Random, taste: Taste, moment: datetime) -> list[EventRow]:
        """What a person of this taste looks at before a bet: favourites, and some others; all to begin soon."""
        liked = (event for name in (taste.league, *sorted(taste.teams)) for event in self._by_name[name])
        strays = rng.sample(self.events, min(_STRAYS, len(self.events)))
        soon = (event for event in (*liked, *strays) if moment < event.begin_timestamp < moment + AHEAD)
        return list({event.id: event for event in soon}.values())


def make_users(rng: random.Random, market: Market, *, count: int, currency: str) -> list[tuple[UserRow, Taste]]:
    """Users 1 to `count`, whose tastes are for what this casino offers."""
    return [_make_user(rng, user_id, rng.choice(market.events), currency) for user_id in range(1, count + 1)]


def make_coupons(
    rng: random.Random, users: list[tuple[UserRow, Taste]], market: Market, now: datetime
) -> list[CouponRow]:
    """Each user's coupons of the last four weeks, on events that had not begun then, in time order."""
    wishes = sorted(
        (now - HISTORY * rng.random(), place) for place in range(len(users)) for _ in range(rng.randint(2, 14))
    )
    coupons: list[CouponRow] = []
    for bought, place in wishes:
        user, taste = users[place]
        looked_at = market.looked_at(rng, taste, bought)
        if looked_at:
            coupons.append(_make_coupon(rng, len(coupons) + 1, user, taste, looked_at, bought=bought))
    return coupons


def _make_user(rng: random.Random, user_id: int, liked: EventRow, currency: str) -> tuple[UserRow, Taste]:
    user = UserRow(
        id=user_id,
        name=rng.choice(_NAMES),
        surname=rng.choice(_SURNAMES),
        birth_year=rng.randint(1950, 2004),
        currency=currency,
        country=liked.country,
        gender=rng.choice(("MALE", "FEMALE", "OTHER")),
        timestamp=_REGISTERED,
        favorite_sport=liked.sport,
        favorite_league=liked.league,
    )
    teams = frozenset((liked.home_team, liked.away_team))
    return user, Taste(liked.sport, liked.league, teams, odd=rng.choice((1.5, 2.0, 3.0)), stake=rng.uniform(5, 60))


def _make_coupon(
    rng: random.Random, coupon_id: int, user: UserRow, taste: Taste, events: list[EventRow], *, bought: datetime
) -> CouponRow:
    chosen = rng.choices(events, [taste.weight(event) for event in events], k=rng.randint(1, 4))
    return CouponRow(
        id=coupon_id,
        user_id=user.id or 0,
        stake=Decimal(f"{taste.stake * rng.uniform(0.6, 1.5):.2f}"),
        timestamp=bought,
        recommended_events=tuple(Selection.of(event) for event in {event.id: event for event in chosen}.values()),
    )

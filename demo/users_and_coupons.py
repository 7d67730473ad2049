"""Generates users with betting preferences (teams, leagues, odds), and coupons that follow these preferences."""

import math
import random
from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from recommendations.validation.rows import CouponRow, EventRow, UserRow

from .bets import LikedBet, liked_bet, select

HISTORY = timedelta(days=28)
BET_AHEAD = timedelta(days=8)  # longest time between a bet and its event
_REGISTERED = datetime(2025, 1, 1, tzinfo=UTC)
_RANDOM_CANDIDATES = 25

_begin = attrgetter("begin_timestamp")

_NAMES = ("Ada", "Alan", "Grace", "Edsger", "Barbara", "Donald", "Radia", "Dennis", "Frances", "Ken", "Hedy", "Tim")
_SURNAMES = ("Fisher", "Novak", "Silva", "Jensen", "Rossi", "Dubois", "Garcia", "Muller", "Kowalski", "Tanaka")


@dataclass(frozen=True, slots=True)
class BettingPreference:
    """A user's preferred sport, league, two teams and odd, the usual stake, and the preferred bet on events with
    markets."""

    sport: str
    league: str
    teams: frozenset[str]
    odd: float
    stake: float
    bet: LikedBet

    def weight(self, event: EventRow) -> float:
        """Relative probability of a bet on this event. Odds count by their distance on a log scale."""
        distance = math.log(float(event.odd or self.odd) / self.odd) / 0.5
        team = 12.0 if {event.home_team, event.away_team} & self.teams else 1.0
        league = 4.0 if event.league == self.league else 1.0
        sport = 2.0 if event.sport == self.sport else 1.0
        return team * league * sport * math.exp(-(distance**2))


class DemoFixtures:
    """A casino's events, indexed by league, team and time."""

    def __init__(self, events: list[EventRow]) -> None:
        self.events = events
        self._by_begin = sorted(events, key=_begin)
        self._by_name: dict[str, list[EventRow]] = defaultdict(list)
        for event in events:
            for name in (event.league, event.home_team, event.away_team):
                self._by_name[name].append(event)

    def candidates(self, rng: random.Random, preference: BettingPreference, moment: datetime) -> list[EventRow]:
        """Events that begin within `BET_AHEAD`: of the preferred league and teams, and some random ones.

        If none of them does, the next event, so that the number of coupons does not depend on the time of the demo's
        start.
        """
        preferred = (event for name in (preference.league, *sorted(preference.teams)) for event in self._by_name[name])
        others = rng.sample(self.events, min(_RANDOM_CANDIDATES, len(self.events)))
        soon = (event for event in (*preferred, *others) if moment < event.begin_timestamp < moment + BET_AHEAD)
        if found := list({event.id: event for event in soon}.values()):
            return found
        return [self._by_begin[bisect_right(self._by_begin, moment, key=_begin)]]


def make_users(
    rng: random.Random, fixtures: DemoFixtures, *, count: int, currency: str
) -> list[tuple[UserRow, BettingPreference]]:
    """Users 1 to `count` with preferences among the casino's events."""
    return [_make_user(rng, user_id, rng.choice(fixtures.events), currency) for user_id in range(1, count + 1)]


def make_coupons(
    rng: random.Random, users: list[tuple[UserRow, BettingPreference]], fixtures: DemoFixtures, now: datetime
) -> list[CouponRow]:
    """Each user's coupons of the last four weeks in chronological order. No event had begun when the coupon was
    bought."""
    purchases = sorted(
        (now - HISTORY * rng.random(), place) for place in range(len(users)) for _ in range(rng.randint(2, 14))
    )
    coupons: list[CouponRow] = []
    for bought, place in purchases:
        user, preference = users[place]
        candidates = fixtures.candidates(rng, preference, bought)
        coupons.append(make_coupon(rng, len(coupons) + 1, user, preference, candidates, bought=bought))
    return coupons


def make_coupon(
    rng: random.Random,
    coupon_id: int,
    user: UserRow,
    preference: BettingPreference,
    candidates: list[EventRow],
    *,
    bought: datetime,
) -> CouponRow:
    """A coupon on one to four of the candidates, chosen by the user's preference."""
    weights = [preference.weight(event) for event in candidates]
    chosen = rng.choices(candidates, weights, k=rng.randint(1, 4))
    return CouponRow(
        id=coupon_id,
        user_id=user.id or 0,
        stake=Decimal(f"{preference.stake * rng.uniform(0.6, 1.5):.2f}"),
        timestamp=bought,
        recommended_events=tuple(
            select(rng, event, preference.bet) for event in {event.id: event for event in chosen}.values()
        ),
    )


def _make_user(
    rng: random.Random, user_id: int, favourite: EventRow, currency: str
) -> tuple[UserRow, BettingPreference]:
    user = UserRow(
        id=user_id,
        name=rng.choice(_NAMES),
        surname=rng.choice(_SURNAMES),
        birth_year=rng.randint(1950, 2004),
        currency=currency,
        country=favourite.country,
        gender=rng.choice(("MALE", "FEMALE", "OTHER")),
        timestamp=_REGISTERED,
        favorite_sport=favourite.sport,
        favorite_league=favourite.league,
    )
    teams = frozenset((favourite.home_team, favourite.away_team))
    odd, stake = rng.choice((1.5, 2.0, 3.0)), rng.uniform(5, 60)
    preference = BettingPreference(
        favourite.sport, favourite.league, teams, odd=odd, stake=stake, bet=liked_bet(user_id)
    )
    return user, preference

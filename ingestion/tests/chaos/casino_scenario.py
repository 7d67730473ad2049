"""The rows that one casino sends over time."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from ingestion.topics import COUPONS, EVENTS, IMPRESSIONS, ODDS, USERS, Topic
from recommendations.models import EventStatus
from recommendations.simulation.dummies import dummy_event, dummy_user
from recommendations.validation.impressions import ImpressionRow
from recommendations.validation.markets import OddsRow
from recommendations.validation.rows import CouponRow, Row, Selection, SentRow

from .impressions import random_impression
from .odds import random_odds

ScenarioRow = SentRow | OddsRow
_EVENTS = 60
_SHARE_OF_CONSENTS = 0.8
_AHEAD = 20  # number of users whose coupons may be sent before the users
_SHARE_OF_NEW_USERS = 0.5


class CasinoScenario:
    """Random rows, each with a later time than the one before, so that each user and event has one latest row.

    Only some casinos send ids of events and coupons, and prices of markets. All send ids of users, which coupons need.
    """

    def __init__(self, casino_id: int, rng: random.Random, *, has_ids: bool) -> None:
        self.casino_id = casino_id
        self._rng = rng
        self._has_ids = has_ids
        self._time = timezone.now() - timedelta(hours=12)
        self._users = 0
        self._highest_buyer = 0
        self._coupons = 0
        now = timezone.now()
        self._events = {
            number: dummy_event(rng, now=now + timedelta(hours=400 * number)) for number in range(1, _EVENTS + 1)
        }

    def next(self) -> tuple[Topic, ScenarioRow]:
        kinds, weights = (USERS, EVENTS, COUPONS, IMPRESSIONS, ODDS), (20, 20, 60, 30, 40 if self._has_ids else 0)
        kind = self._rng.choices(kinds, weights)[0]
        made: dict[Topic, Callable[[], ScenarioRow]] = {
            USERS: self._user, EVENTS: self._event, COUPONS: self._coupon, ODDS: self._odds,
            IMPRESSIONS: self._impression,
        }  # fmt: skip
        return kind, made[kind]()

    def last_users(self) -> list[tuple[Topic, ScenarioRow]]:
        """The users that have coupons and are not sent yet."""
        return [(USERS, self._user(is_new=True)) for _ in range(self._users, self._highest_buyer)]

    def _user(self, *, is_new: bool = False) -> Row:
        row = dummy_user(self._rng, now=self._next_time())
        if is_new or not self._users or self._rng.random() < _SHARE_OF_NEW_USERS:
            self._users += 1
            row.id = self._users
        else:
            row.id = self._rng.randint(1, self._users)
        row.natural_key = None
        row.personalisation = self._rng.random() < _SHARE_OF_CONSENTS  # always sent: the latest message's value applies
        return row

    def _event(self) -> Row:
        number = self._rng.choice(list(self._events))
        event = dummy_event(self._rng, now=timezone.now())
        known = self._events[number]
        event.id = number if self._has_ids else None
        for field in ("begin_timestamp", "end_timestamp", "country", "league", "home_team", "away_team", "sport"):
            setattr(event, field, getattr(known, field))
        event.natural_key = None if self._has_ids else known.natural_key
        event.status = self._rng.choice(list(EventStatus)).value
        event.timestamp = self._next_time()
        return event

    def _coupon(self) -> Row:
        self._coupons += 1
        buyer = self._rng.randint(1, self._users + _AHEAD)
        self._highest_buyer = max(self._highest_buyer, buyer)
        events = self._rng.sample(list(self._events.values()), self._rng.randint(1, 4))
        return CouponRow(
            id=self._coupons if self._has_ids else None,
            source="replaced by its place",
            user_id=buyer,
            stake=Decimal(self._rng.randint(100, 10_000)) / 100,
            timestamp=self._next_time(),
            recommended_events=tuple(map(Selection.of, events)),
        )

    def _odds(self) -> OddsRow:
        return random_odds(self._rng.choice(list(self._events)), self._rng, self._next_time)

    def _impression(self) -> ImpressionRow:
        return random_impression(self._rng, self._next_time)

    def _next_time(self) -> datetime:
        self._time += timedelta(microseconds=self._rng.randint(1, 1_000))
        return self._time

"""A reference implementation of the storing functions, in plain Python, row by row."""

import operator
from collections.abc import Callable
from dataclasses import astuple, dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from recommendations.models import (
    Event,
    EventTeam,
    PurchasedCoupon,
    RemovedRow,
    User,
    UserProfile,
    WaitingCoupon,
)
from recommendations.validation.rows import CouponRow, EventRow, Removal, UserRow

Key = Any  # the casino's id; where there is none, the natural key
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
EVENT_STATUSES = ["OPEN", "SUSPENDED", "CANCELLED", "SETTLED"]  # the strictest last
USER_STATUSES = ["ACTIVE", "TIME_OUT", "SELF_EXCLUDED", "CLOSED"]


@dataclass(frozen=True)
class Timed:
    """A value that messages may leave out, with the time of its message."""

    value: Any
    as_of: datetime = NEVER

    def after(self, value: Any, timestamp: datetime | None, strictness: Callable[[Any], Any]) -> "Timed":
        if timestamp is None:
            return Timed(value, self.as_of)
        is_stricter = strictness(value) > strictness(self.value)
        is_later = timestamp > self.as_of or (timestamp == self.as_of and is_stricter)
        return Timed(value, timestamp) if is_later else self


def status_strictness(status: tuple[str, datetime | None]) -> Any:
    name, until = status
    return name != "ACTIVE", until is None, until or NEVER, USER_STATUSES.index(name)


def limit_strictness(limit: Decimal | None) -> Decimal:
    return Decimal("-Infinity") if limit is None else -limit


@dataclass
class StoredUser:
    timestamp: datetime
    country: str = ""
    birth_year: int = 0
    status: Timed = Timed(("ACTIVE", None))
    birth_date: Timed = Timed(None)
    stake_limit: Timed = Timed(None)
    limit_left: Timed = Timed(None)
    personalisation: Timed = Timed(True)

    def store(self, row: UserRow) -> None:
        if row.timestamp >= self.timestamp:
            is_equal = row.timestamp == self.timestamp
            self.birth_year = max(row.birth_year, self.birth_year) if is_equal else row.birth_year
            self.timestamp, self.country = row.timestamp, row.country
        if row.status is not None:
            self.status = self.status.after((row.status, row.status_until), row.timestamp, status_strictness)
        if row.birth_date is not None:
            self.birth_date = self.birth_date.after(row.birth_date, row.timestamp, lambda born: born or date.min)
        if row.stake_limit is not UNSET:
            self.stake_limit = self.stake_limit.after(row.stake_limit, row.timestamp, limit_strictness)
        if row.limit_left is not UNSET:
            self.limit_left = self.limit_left.after(row.limit_left, row.timestamp, limit_strictness)
        if row.personalisation is not UNSET:
            self.personalisation = self.personalisation.after(row.personalisation, row.timestamp, operator.not_)
        if self.birth_date.value is not None and self.birth_date.value.year != self.birth_year:
            self.birth_date = Timed(None, self.birth_date.as_of)


@dataclass
class StoredEvent:
    timestamp: datetime | None
    odd: Decimal | None = None
    away_team: str = ""
    status: Timed = Timed("OPEN")

    def store(self, row: EventRow) -> None:
        if row.timestamp is None or self.timestamp is None or row.timestamp >= self.timestamp:
            self.timestamp, self.odd, self.away_team = row.timestamp or self.timestamp, row.odd, row.away_team
        if row.status is not None:
            self.status = self.status.after(row.status, row.timestamp, EVENT_STATUSES.index)


def key_of(row: Any) -> Key:
    return row.id or row.natural_key


@dataclass
class Reference:
    """`apply(kind, row)` stores a row of the table `kind`; `tables()` returns the tables' expected contents."""

    users: dict[Key, StoredUser] = field(default_factory=dict)
    events: dict[Key, StoredEvent] = field(default_factory=dict)
    coupons: dict[Key, CouponRow] = field(default_factory=dict)
    waiting: dict[Key, CouponRow] = field(default_factory=dict)
    removed: dict[tuple[str, Key], datetime] = field(default_factory=dict)

    def apply(self, kind: str, row: UserRow | EventRow | CouponRow | Removal) -> None:
        if isinstance(row, UserRow):
            self._store_user(row)
        elif isinstance(row, EventRow):
            self._store_event(row)
        elif isinstance(row, CouponRow):
            self._store_coupon(row)
        else:
            known = self.removed.get((kind, row.id), row.timestamp)
            self.removed[kind, row.id] = max(known, row.timestamp)
            {"users": self._remove_user, "events": self._remove_event}.get(kind, self._remove_coupon)(row)

    def _is_removed(self, kind: str, row: UserRow | EventRow) -> bool:
        removed = self.removed.get((kind, row.id)) if row.id else None
        return removed is not None and (row.timestamp is None or removed >= row.timestamp)

    def _store_user(self, row: UserRow) -> None:
        key = key_of(row)
        if self._is_removed("users", row):
            return
        self.users.setdefault(key, StoredUser(row.timestamp)).store(row)
        for coupon in [coupon for coupon in self.waiting.values() if coupon.user_id == row.id]:
            self.coupons[key_of(coupon)] = self.waiting.pop(key_of(coupon))

    def _store_event(self, row: EventRow) -> None:
        if not self._is_removed("events", row):
            self.events.setdefault(key_of(row), StoredEvent(row.timestamp)).store(row)

    def _store_coupon(self, row: CouponRow) -> None:
        key = key_of(row)
        if ("purchased_coupons", key) not in self.removed and key not in self.coupons and key not in self.waiting:
            (self.coupons if row.user_id in self.users else self.waiting)[key] = row

    def _remove_user(self, removal: Removal) -> None:
        if removal.id in self.users and self.users[removal.id].timestamp <= removal.timestamp:
            del self.users[removal.id]
            self.coupons = {key: row for key, row in self.coupons.items() if row.user_id != removal.id}
        if removal.id not in self.users:
            newer = {key for key, row in self.waiting.items() if row.timestamp > removal.timestamp}
            self.waiting = {k: row for k, row in self.waiting.items() if k in newer or row.user_id != removal.id}

    def _remove_event(self, removal: Removal) -> None:
        known = self.events.get(removal.id)
        if known and (known.timestamp is None or known.timestamp <= removal.timestamp):
            del self.events[removal.id]

    def _remove_coupon(self, removal: Removal) -> None:
        self.coupons.pop(removal.id, None)
        self.waiting.pop(removal.id, None)

    def tables(self) -> dict[str, Any]:
        stakes = {user: [row.stake for row in self.coupons.values() if row.user_id == user] for user in self.users}
        return {
            "users": {key: _flat(user) for key, user in self.users.items()},
            "profiles": {user: (len(each), sum(each, Decimal(0))) for user, each in stakes.items()},
            "events": {key: _flat(event) for key, event in self.events.items()},
            "links": 2 * len(self.events),
            "coupons": {key: (row.user_id, row.stake) for key, row in self.coupons.items()},
            "waiting": {key: (row.user_id, row.stake) for key, row in self.waiting.items()},
            "removed": self.removed,
        }


def _flat(stored: StoredUser | StoredEvent) -> tuple[Any, ...]:
    """The values in one tuple, each timed value followed by its time."""
    return tuple(
        inner
        for value in astuple(stored)
        for each in (value if isinstance(value, tuple) else (value,))
        for inner in (each if isinstance(each, tuple) else (each,))
    )


USER_COLUMNS = (
    "timestamp", "country", "birth_year", "status", "status_until", "status_as_of", "birth_date", "birth_date_as_of",
    "stake_limit", "stake_limit_as_of", "limit_left", "limit_left_as_of", "personalisation",
    "personalisation_as_of",
)  # fmt: skip
EVENT_COLUMNS = ("timestamp", "odd", "away_team", "status", "status_as_of")


def stored_tables() -> dict[str, Any]:
    """The tables' actual contents in the form of `Reference.tables`. Requires users with ids of the casino."""
    users, events = User.objects.values_list, Event.objects.values_list
    coupons, waiting = PurchasedCoupon.objects.values_list, WaitingCoupon.objects.values_list
    profiles = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    return {
        "users": {row[0]: row[1:] for row in users("id", *USER_COLUMNS)},
        "profiles": {row[0]: row[1:] for row in profiles},
        "events": {row[1] or row[0]: row[2:] for row in events("id", "natural_key", *EVENT_COLUMNS)},
        "links": EventTeam.objects.count(),
        "coupons": {row[1] or row[0]: row[2:] for row in coupons("id", "natural_key", "user_id", "stake")},
        "waiting": {row[1] or row[0]: row[2:] for row in waiting("coupon_id", "natural_key", "user_id", "stake")},
        "removed": {row[:2]: row[2] for row in RemovedRow.objects.values_list("kind", "row_id", "timestamp")},
    }

"""Reference implementation of the storing functions, in plain Python and row by row."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

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


def key_of(row: Any) -> Key:
    return row.id or row.natural_key


@dataclass
class Reference:
    """`apply(kind, row)` stores a row of the table `kind`; `tables()` returns the tables' expected contents."""

    users: dict[Key, tuple[str, datetime]] = field(default_factory=dict)
    events: dict[Key, tuple[Decimal, str, str, datetime | None]] = field(default_factory=dict)
    coupons: dict[Key, CouponRow] = field(default_factory=dict)
    waiting: dict[Key, CouponRow] = field(default_factory=dict)
    removed: dict[tuple[str, int], datetime] = field(default_factory=dict)

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
        if self._is_removed("users", row) or (key in self.users and self.users[key][1] > row.timestamp):
            return
        self.users[key] = (row.country, row.timestamp)
        for coupon in [coupon for coupon in self.waiting.values() if coupon.user_id == row.id]:
            self.coupons[key_of(coupon)] = self.waiting.pop(key_of(coupon))

    def _store_event(self, row: EventRow) -> None:
        _, status, _, known = self.events.get(key_of(row), (None, "OPEN", None, None))
        is_stale = row.timestamp is not None and known is not None and row.timestamp < known
        if not is_stale and not self._is_removed("events", row):
            self.events[key_of(row)] = (row.odd, row.status or status, row.away_team, row.timestamp or known)

    def _store_coupon(self, row: CouponRow) -> None:
        key = key_of(row)
        if ("purchased_coupons", key) not in self.removed and key not in self.coupons and key not in self.waiting:
            (self.coupons if row.user_id in self.users else self.waiting)[key] = row

    def _remove_user(self, removal: Removal) -> None:
        if removal.id in self.users and self.users[removal.id][1] <= removal.timestamp:
            del self.users[removal.id]
            self.coupons = {key: row for key, row in self.coupons.items() if row.user_id != removal.id}
        if removal.id not in self.users:
            newer = {key for key, row in self.waiting.items() if row.timestamp > removal.timestamp}
            self.waiting = {k: row for k, row in self.waiting.items() if k in newer or row.user_id != removal.id}

    def _remove_event(self, removal: Removal) -> None:
        known = self.events.get(removal.id)
        if known and (known[3] is None or known[3] <= removal.timestamp):
            del self.events[removal.id]

    def _remove_coupon(self, removal: Removal) -> None:
        self.coupons.pop(removal.id, None)
        self.waiting.pop(removal.id, None)

    def tables(self) -> dict[str, Any]:
        stakes = {user: [row.stake for row in self.coupons.values() if row.user_id == user] for user in self.users}
        return {
            "users": self.users,
            "profiles": {user: (len(each), sum(each, Decimal(0))) for user, each in stakes.items()},
            "events": self.events,
            "links": 2 * len(self.events),
            "coupons": {key: (row.user_id, row.stake) for key, row in self.coupons.items()},
            "waiting": {key: (row.user_id, row.stake) for key, row in self.waiting.items()},
            "removed": self.removed,
        }


def stored_tables() -> dict[str, Any]:
    """The tables' actual contents in the form of `Reference.tables`. Requires users with ids of the casino."""
    users, events = User.objects.values_list, Event.objects.values_list
    coupons, waiting = PurchasedCoupon.objects.values_list, WaitingCoupon.objects.values_list
    profiles = UserProfile.objects.values_list("user_id", "coupon_count", "stake_total")
    return {
        "users": {row[0]: row[1:] for row in users("id", "country", "timestamp")},
        "profiles": {row[0]: row[1:] for row in profiles},
        "events": {
            row[1] or row[0]: row[2:] for row in events("id", "natural_key", "odd", "status", "away_team", "timestamp")
        },
        "links": EventTeam.objects.count(),
        "coupons": {row[1] or row[0]: row[2:] for row in coupons("id", "natural_key", "user_id", "stake")},
        "waiting": {row[1] or row[0]: row[2:] for row in waiting("coupon_id", "natural_key", "user_id", "stake")},
        "removed": {row[:2]: row[2] for row in RemovedRow.objects.values_list("kind", "row_id", "timestamp")},
    }

"""Stores a simulated history in the current casino, shifted in time to end now."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from recommendations.replay.history import History, PastCoupon
from recommendations.storing import prune_casino_tallies, store_coupons, store_events, store_users
from recommendations.storing.learnt_values import learn, values_to_learn
from recommendations.validation.rows import CouponRow, EventRow, Selection, UserRow

from .simulate import SPORTS

_CHUNK = 1_000


def store_history(history: History, now: datetime) -> None:
    """Store users, events and coupons, shifted in time so that the last coupon is bought at `now`. Later events form
    the offer."""
    last = history.coupons[-1].timestamp if history.coupons else now.timestamp()
    store = _CasinoRows(history, now.timestamp() - last)
    for rows in _chunks(store.users()):
        learn(set().union(*map(values_to_learn, rows)))
        store_users(rows)
    for rows in _chunks(store.events()):
        learn(set().union(*map(values_to_learn, rows)))
        store_events(rows)
    for rows in _chunks(store.coupons()):
        store_coupons(rows)
    while not prune_casino_tallies(now):  # also merges the appended sums, in parts
        pass


class _CasinoRows:
    def __init__(self, history: History, shift: float) -> None:
        self._history, self._shift = history, shift

    def users(self) -> Iterator[UserRow]:
        known = sorted({coupon.user_id for coupon in self._history.coupons})
        for user_id in known:
            yield UserRow(
                id=user_id,
                name=f"User {user_id}",
                surname="Simulated",
                birth_year=1985,
                currency="EUR",
                country="NOWHERE",
                gender="OTHER",
                timestamp=self._time_at(self._history.coupons[0].timestamp),
                favorite_sport=SPORTS[0],
            )

    def events(self) -> Iterator[EventRow]:
        events = self._history.events
        for place in range(len(events)):
            yield EventRow(
                id=int(events.ids[place]),
                begin_timestamp=self._time_at(float(events.begins[place])),
                end_timestamp=self._time_at(float(events.ends[place])),
                odd=Decimal(str(round(float(events.odds[place]), 3))),
                **self._names(place),
            )

    def coupons(self) -> Iterator[CouponRow]:
        for number, coupon in enumerate(self._history.coupons, start=1):
            yield self._coupon(number, coupon)

    def _coupon(self, number: int, coupon: PastCoupon) -> CouponRow:
        events = self._history.events
        selections = tuple(
            Selection(
                event_id=int(events.ids[place]),
                odd=Decimal(str(round(float(events.odds[place]), 3))),
                **self._names(place),
            )
            for place in coupon.places
        )
        return CouponRow(
            id=number,
            user_id=coupon.user_id,
            stake=Decimal(str(coupon.stake)),
            timestamp=self._time_at(coupon.timestamp),
            recommended_events=selections,
        )

    def _names(self, place: int) -> dict[str, Any]:
        return {**self._history.events.names(place)}

    def _time_at(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds + self._shift, UTC)


def _chunks(rows: Iterator[Any]) -> Iterator[Sequence[Any]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk

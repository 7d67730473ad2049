"""Generates load: messages like those of sportsbooks, to measure an installation's throughput."""

import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec
from django.utils import timezone

from ingestion.errors import NothingToSend
from ingestion.messages.encoding import encode_row
from ingestion.topics import Topic
from recommendations.models import Event, EventStatus, User
from recommendations.simulation.dummies import dummy_event, dummy_user
from recommendations.simulation.impressions import latest_slips, random_impression
from recommendations.validation.rows import CouponRow, EventRow, Selection, SentRow
from tenants.models import Casino
from tenants.routing.context import use_casino

from .malformed import corrupt

_POOL = 2_000  # users and events per casino in its messages
_SHARE_OF_CHANGES = 0.9  # share of known users and events in their messages; the others are new
_STATUSES = [EventStatus.OPEN] * 17 + [EventStatus.SUSPENDED] * 2 + [EventStatus.CANCELLED]


class GeneratedMessage(msgspec.Struct):
    """A message for the partition of its key, or for `partition`."""

    casino_id: int
    key: str
    value: bytes
    partition: int | None = None


def generate_load(
    topic: Topic, casinos: Sequence[Casino], rng: random.Random, bad_ratio: float
) -> Iterator[GeneratedMessage]:
    """Endless messages: events with changed odds and statuses, users, coupons of a few selections, impressions of
    served recommendations. A share `bad_ratio` of them is invalid. Raises NothingToSend if a casino has no users or
    open events for coupons."""
    sources = [_CasinoMessages(topic, casino, rng) for casino in casinos]
    while True:
        message = rng.choice(sources).next()
        if rng.random() < bad_ratio:
            message.value = corrupt(topic, message.value, rng)
        yield message


class _CasinoMessages:
    """One casino's messages of one topic."""

    def __init__(self, topic: Topic, casino: Casino, rng: random.Random) -> None:
        self._casino_id = casino.pk
        self._rng = rng
        self._make = {
            "users": self._user,
            "events": self._event,
            "coupons": self._coupon,
            "impressions": self._impression,
        }[topic.name]
        with use_casino(casino.current):
            now = timezone.now()
            offer = Event.objects.filter(begin_timestamp__gt=now, status=EventStatus.OPEN, is_withheld=False).order_by(
                "begin_timestamp"
            )
            self._events = [_row(event) for event in offer[:_POOL]]
            self._users = list(User.objects.order_by("id").values_list("pk", flat=True)[:_POOL])
            self._slips = latest_slips(_POOL) if topic.name == "impressions" else []
        self._selections = [Selection.of(event) for event in self._events]
        self._last_coupon_id = rng.getrandbits(40) << 20  # random: two producers should not send the same id
        if topic.name == "coupons" and not (self._users and self._events):
            raise NothingToSend(f"{casino} has no users or no open events for coupons: send users and events first.")
        if topic.name == "impressions" and not self._slips:
            raise NothingToSend(
                f"{casino} has no stored recommendations: request some while consume_recommendations runs."
            )

    def next(self) -> GeneratedMessage:
        key, row = self._make()
        return GeneratedMessage(self._casino_id, f"{self._casino_id}:{key}", encode_row(row))

    def _coupon(self) -> tuple[int, SentRow]:
        self._last_coupon_id += 1
        user_id = self._rng.choice(self._users)
        count = min(self._rng.randint(1, 4), len(self._selections))
        selections = tuple(self._rng.sample(self._selections, count))
        stake = Decimal(self._rng.randint(100, 10_000)) / 100
        return user_id, CouponRow(
            id=self._last_coupon_id,
            user_id=user_id,
            stake=stake,
            timestamp=timezone.now(),
            recommended_events=selections,
        )

    def _event(self) -> tuple[int | str, SentRow]:
        now = timezone.now()
        if not self._events or self._rng.random() > _SHARE_OF_CHANGES:
            row = dummy_event(self._rng, now=now)
            return f"{row.home_team}:{row.away_team}", row
        event = self._rng.choice(self._events)
        event.odd = max((event.odd or Decimal(2)) * self._rng.randint(90, 110) / 100, Decimal("1.01")).quantize(
            Decimal("0.001")
        )
        event.status, event.timestamp = self._rng.choice(_STATUSES), now
        return event.id or f"{event.home_team}:{event.away_team}", event

    def _impression(self) -> tuple[int | str, SentRow]:
        row = random_impression(self._slips, self._rng, timezone.now())
        return row.user_id, row

    def _user(self) -> tuple[str, SentRow]:
        row = dummy_user(self._rng, now=timezone.now() - timedelta(seconds=1))
        return row.surname, row


def _row(event: Event) -> EventRow:
    return EventRow(
        id=event.pk if event.natural_key is None else None,
        begin_timestamp=event.begin_timestamp,
        end_timestamp=event.end_timestamp,
        country=event.country,
        league=event.league,
        home_team=event.home_team,
        away_team=event.away_team,
        sport=event.sport,
        odd=event.odd,
    )

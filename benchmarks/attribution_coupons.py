"""A casino with 200,000 served recommendations of 50,000 users, and coupons that are stored as by a consumer."""

import random
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from django.utils import timezone

from ingestion.messages.encoding import encode_row
from ingestion.messages.envelope import Envelope, Place
from ingestion.messages.results import MessageResult
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.transaction import store_messages
from ingestion.topics import COUPONS
from recommendations.storing import store_events
from recommendations.validation.rows import CouponRow, EventRow, Selection
from tenants.databases.catalogue import ensure_catalogue
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

from .casino import _event

EVENTS, USERS, ANSWERS = 500, 50_000, 200_000
_ADD_USERS = f"""
INSERT INTO users (id, name, surname, currency, country, gender, timestamp, favorite_sport, favorite_league)
SELECT id, 'ADA', 'LOVELACE', 'EUR', 'X', 'FEMALE', now() - interval '90 days', 'FOOTBALL', ''
FROM generate_series(1, {USERS}) AS id
"""
# The events of a user's recommendations are id % EVENTS + 1, and two others.
_ADD_ANSWERS = f"""
INSERT INTO served_recommendations (
    recommendation_id, user_id, timestamp, recommender, asked_for, fallback, model_version, stake, currency, events
)
SELECT gen_random_uuid(), mod(number, {USERS}) + 1, now() - number * interval '0.3 seconds', 'hybrid', 'hybrid', '', '',
    10, 'EUR', jsonb_build_array(
        jsonb_build_object('event_id', mod(mod(number, {USERS}) + 1, {EVENTS}) + 1, 'odd', 2.5, 'score', 0.5),
        jsonb_build_object('event_id', mod(number * 7, {EVENTS}) + 1, 'odd', 2.5, 'score', 0.4),
        jsonb_build_object('event_id', mod(number * 11, {EVENTS}) + 1, 'odd', 2.5, 'score', 0.3)
    )
FROM generate_series(1, {ANSWERS}) AS number
"""


def build_casino(name: str) -> tuple[Casino, list[EventRow]]:
    """Build the casino and its events. No attribution is due: existing coupons count as attributed."""
    ensure_catalogue()
    [casino] = store_casinos([name])
    rng, now = random.Random(5), timezone.now()
    events = [_event(rng, number, now) for number in range(1, EVENTS + 1)]
    with use_casino(casino.current):
        store_events(events)
        for sql in (_ADD_USERS, _ADD_ANSWERS, "TRUNCATE due_attributions", "VACUUM ANALYZE"):
            execute(sql)
    return casino, events


class Coupons:
    """Stores coupons as a consumer does. Each has an event of a recommendation to its user."""

    def __init__(self, casino: Casino, events: list[EventRow]) -> None:
        self.casino, self.stored = casino, 0
        self._selections = [Selection.of(event) for event in events]
        self._rng = random.Random(7)
        self._store = CasinoStore(COUPONS, lambda _: None)

    def messages(self, count: int) -> list[Envelope]:
        """The next messages, encoded."""
        now = timezone.now()
        numbers = range(self.stored + 1, self.stored + count + 1)
        self.stored += count
        return [self._message(number, now) for number in numbers]

    def store(self, envelopes: Sequence[Envelope]) -> None:
        decoded = self._store.decode(envelopes)
        store_messages(COUPONS, self.casino, decoded, timezone.now(), _refuse)

    def _message(self, number: int, now: datetime) -> Envelope:
        user_id = self._rng.randint(1, USERS)
        others = self._rng.sample(self._selections, 2)
        coupon = CouponRow(
            id=number,
            user_id=user_id,
            stake=Decimal(self._rng.randint(100, 10_000)) / 100,
            timestamp=now,
            recommended_events=(self._selections[user_id % EVENTS], *others),
        )
        place = Place("benchmark", COUPONS.name, 0, number, int(now.timestamp() * 1_000))
        return Envelope(place, self.casino.pk, None, encode_row(coupon), [("casino_id", str(self.casino.pk).encode())])


def _refuse(rejected: Iterable[MessageResult]) -> None:
    if results := list(rejected):
        raise SystemExit(f"{len(results)} coupons were rejected: {results[0]}")

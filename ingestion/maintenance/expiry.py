"""Coupons that waited too long for their users become dead letters."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import msgspec
from django.conf import settings

from ingestion.kafka.names import without_prefix
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import casino_id_of, unpack
from ingestion.messages.results import MessageResult
from ingestion.storing.casino_store import CasinoStore
from ingestion.storing.ledger import write_counts
from ingestion.storing.transaction import count_results
from ingestion.topics import Topic
from recommendations.storing import take_expired_coupons
from recommendations.text_ids import texts_of
from tenants.routing.connections import casino_atomic
from tenants.routing.context import get_current_casino

from .base import MaintenanceTask


class CouponExpiry(MaintenanceTask):
    def __init__(self, topic: Topic, store: CasinoStore) -> None:
        super().__init__(store)
        self._topic = topic

    def run(self, now: datetime) -> bool:
        days = settings.WAITING_COUPON_DAYS
        rejection = Rejection(
            "unknown_user",
            "user_id",
            f"user_id is not a known user, and did not arrive within {days:g} days: send the user, then replay",
        )
        with casino_atomic():
            taken = take_expired_coupons(now - timedelta(days=days), self._is_readable)
            results = [_reject(message, rejection, users) for message, users in _waited(taken)]
            if results:
                self._store.dead_letters.send(results, now)
                write_counts(self._topic.name, count_results(results), now)
        if results:
            self._store.report(results)
        return not taken

    def _is_readable(self, packed: bytes) -> bool:
        """Whether the bytes are a message of this topic and casino."""
        try:
            envelope = unpack(packed)
        except (msgspec.MsgspecError, RecursionError):
            return False
        return (
            without_prefix(envelope.place.topic) == self._topic.name
            and envelope.casino_id == casino_id_of(envelope.headers) == get_current_casino().id
        )


def _waited(taken: Iterable[tuple[int, bytes | None]]) -> Iterator[tuple[bytes, tuple[str, ...]]]:
    """The message of each coupon that has one, and the casino's ids of the users of all coupons of that message."""
    coupons = [(user_id, message) for user_id, message in taken if message]
    texts = texts_of(user_id for user_id, _ in coupons)
    users: dict[bytes, dict[str, None]] = {}
    for user_id, message in coupons:
        users.setdefault(message, {})[texts.get(user_id, str(user_id))] = None
    return ((message, tuple(users[message])) for _, message in coupons)


def _reject(message: bytes, rejection: Rejection, user_ids: tuple[str, ...]) -> MessageResult:
    result = MessageResult.reject(unpack(message), rejection)
    result.user_ids = user_ids
    return result

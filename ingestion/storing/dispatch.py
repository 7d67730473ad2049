"""Stores a topic's messages: each in its own casino's database, or in the topics of parked messages or dead letters."""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import Error, connection
from django.utils import timezone

from ingestion.dead_letters.write import DeadLetters
from ingestion.errors import AllDatabasesUnavailable, DatabaseUnavailable
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection, TimeBounds, decode_message
from ingestion.messages.envelope import Envelope
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.parking.parking import Parking
from ingestion.topics import Topic
from tenants.current_casino import CATALOGUE
from tenants.models import Casino
from tenants.models.casino import ENDED_STATES, READY_STATES

from .transaction import store_messages

logger = logging.getLogger(__name__)

PARKED = "parked"
FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS = 1.0, 30.0
_UNKNOWN_CASINO = Rejection(
    "unknown_casino", "casino_id", "casino_id is not a known casino: create the casino, then replay"
)


@dataclass(slots=True)
class _Outage:
    reason: str
    backoff_seconds: float
    retry_at: float


class CircuitBreaker:
    """The unavailable casino databases, and when to try each again (in time.monotonic() seconds)."""

    def __init__(self) -> None:
        self._outages: dict[int, _Outage] = {}

    def is_open(self, casino_id: int) -> bool:
        """Whether it is too early to try the casino's database again."""
        outage = self._outages.get(casino_id)
        return outage is not None and time.monotonic() < outage.retry_at

    def reason(self, casino_id: int) -> str:
        """Why the casino's messages are parked."""
        outage = self._outages.get(casino_id)
        return "earlier messages are still parked" if outage is None else outage.reason

    def record_failure(self, casino_id: int, reason: str) -> None:
        """Open the circuit, with exponential backoff and jitter, so that consumers do not retry at the same time."""
        outage = self._outages.get(casino_id)
        seconds = FIRST_RETRY_SECONDS if outage is None else min(outage.backoff_seconds * 2, LAST_RETRY_SECONDS)
        jitter = random.uniform(0.8, 1.2)
        self._outages[casino_id] = _Outage(reason, seconds, time.monotonic() + seconds * jitter)

    def record_success(self, casino_id: int) -> None:
        self._outages.pop(casino_id, None)

    def __len__(self) -> int:
        return len(self._outages)


class CasinoStore:
    """Stores messages of one casino at a time. `report` is called with the result of each message.

    Raises AllDatabasesUnavailable if the catalogue is unavailable too, NotDelivered if the broker does not accept dead
    letters. Then the same messages must be stored again; the ledger prevents duplicates.
    """

    def __init__(self, topic: Topic, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]) -> None:
        self.circuit_breaker = CircuitBreaker()
        self.dead_letters = DeadLetters(topic, forwarder)
        self.report = report
        self._stored_at: dict[int, float] = {}
        self._topic = topic
        self._forwarder = forwarder

    def decode(self, envelopes: Iterable[Envelope]) -> list[DecodedMessage]:
        bounds = TimeBounds.at(timezone.now())
        decode = self._topic.decode
        return [DecodedMessage(envelope, decode_message(decode, envelope, bounds)) for envelope in envelopes]

    def store_parked(self, casino_id: int, envelopes: Iterable[Envelope]) -> bool:
        """Store parked messages of one casino; False if its database is still unavailable."""
        now = timezone.now()
        messages = self.decode(envelopes)
        casino = find_casinos([casino_id]).get(casino_id)
        if casino is not None:
            return self._try_to_store(casino, messages, now)
        self._reject_unknown_casino(messages, now)
        return True

    def pop_idle_casinos(self, seconds: float) -> list[int]:
        """The ids of casinos whose last message was stored at least `seconds` ago, each returned once."""
        before = time.monotonic() - seconds
        idle = [casino_id for casino_id, stored_at in self._stored_at.items() if stored_at < before]
        for casino_id in idle:
            del self._stored_at[casino_id]
        return idle

    def _try_to_store(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> bool:
        """Store the messages; False if the casino's database is unavailable."""
        if self.circuit_breaker.is_open(casino.pk):
            return False
        try:
            if casino.state not in READY_STATES:
                raise DatabaseUnavailable(f"the casino is {casino.state}")
            results = store_messages(
                self._topic, casino, messages, now, lambda rejected: self.dead_letters.send(rejected, now)
            )
        except DatabaseUnavailable as error:
            self._record_failure(casino, str(error))
            return False
        self.circuit_breaker.record_success(casino.pk)
        self._stored_at[casino.pk] = time.monotonic()
        self.report(results)
        return True

    def _record_failure(self, casino: Casino, reason: str) -> None:
        require_catalogue()
        logger.warning(
            "%s: the database of %s is unavailable, its messages are parked: %s", self._topic.name, casino, reason
        )
        self.circuit_breaker.record_failure(casino.pk, reason)

    def _reject_unknown_casino(self, messages: Sequence[DecodedMessage], now: datetime) -> None:
        """Send messages without a casino's database to the dead letters; no database counts them."""
        results = [
            MessageResult.reject(
                each.envelope, each.content if isinstance(each.content, Rejection) else _UNKNOWN_CASINO
            )
            for each in messages
        ]
        self.dead_letters.send(results, now)
        self.report(results)


class BatchStore(CasinoStore):
    """Stores batches. After `store` returns, each message of the batch is stored, parked or a dead letter."""

    def __init__(
        self, topic: Topic, parking: Parking, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]
    ) -> None:
        super().__init__(topic, forwarder, report)
        self._parking = parking

    def store(self, messages: Sequence[DecodedMessage]) -> None:
        now = timezone.now()
        groups: dict[int | None, list[DecodedMessage]] = defaultdict(list)
        for message in messages:
            groups[message.envelope.casino_id].append(message)
        casinos = find_casinos(groups)
        is_anything_parked = False
        for casino_id, group in groups.items():
            if casino_id is None or casino_id not in casinos:
                self._reject_unknown_casino(group, now)
            elif to_park := self._store_group(casinos[casino_id], group, now):
                self._park(casino_id, to_park, now)
                is_anything_parked = True
        if is_anything_parked:
            self._forwarder.flush()

    def _store_group(self, casino: Casino, group: list[DecodedMessage], now: datetime) -> list[DecodedMessage]:
        """Store one casino's messages; returns those to park, which keep their order behind parked ones."""
        to_park: list[DecodedMessage] = []
        to_store: list[DecodedMessage] = []
        for message in group:
            is_behind = self._parking.has_parked(casino.pk, message.envelope.place.partition)
            (to_park if is_behind else to_store).append(message)
        if to_store and not self._try_to_store(casino, to_store, now):
            return group
        return to_park

    def _park(self, casino_id: int, messages: Sequence[DecodedMessage], now: datetime) -> None:
        envelopes = [message.envelope for message in messages]
        self._parking.park(envelopes, self.circuit_breaker.reason(casino_id), now)
        self.report([MessageResult(envelope, PARKED) for envelope in envelopes])


@contextmanager
def catalogue_required() -> Iterator[None]:
    """Raises AllDatabasesUnavailable if a query of the block to the catalogue's database fails."""
    try:
        yield
    except Error as error:
        raise AllDatabasesUnavailable(f"the catalogue's database is unavailable: {error}") from error


def find_casinos(ids: Iterable[int | None]) -> dict[int, Casino]:
    """The casinos with these ids, except deleted ones; their configurations are not loaded. Raises
    AllDatabasesUnavailable."""
    with catalogue_required():
        casinos = Casino.objects.using(CATALOGUE).exclude(state__in=ENDED_STATES)
        wanted = [each for each in ids if each is not None]
        return casinos.defer("recommendation_schema", "options").in_bulk(wanted)


def require_catalogue() -> None:
    """Raises AllDatabasesUnavailable unless the catalogue's database answers."""
    with catalogue_required(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")

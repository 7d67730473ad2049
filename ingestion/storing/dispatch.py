"""A batch of messages of one topic: each to its own casino's database, to the parked ones, or to the dead letters."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.utils import timezone

from ingestion.dead_letters.write import DeadLetters
from ingestion.errors import DatabaseUnavailable
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Bounds, Rejection, read_message
from ingestion.messages.envelope import Envelope
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.parking.parking import Parking
from ingestion.topics import Topic
from tenants.models import Casino
from tenants.models.casino import READY_STATES

from .casinos import find_casinos, require_catalogue
from .circuit_breaker import Availability
from .transaction import store_messages

logger = logging.getLogger(__name__)

PARKED = "parked"
_UNKNOWN = Rejection("unknown_casino", "casino_id", "no casino has this id, or it was deleted")


class CasinoStore:
    """Deals with messages of single casinos. `report` is told what became of each message.

    Raises AllDatabasesUnavailable if not even the catalogue answers, NotDelivered if the broker does not take the dead letters:
    then the same messages have to come again, which does no harm.
    """

    def __init__(self, topic: Topic, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]) -> None:
        self.availability = Availability()
        self._stored_at: dict[int, float] = {}
        self._topic = topic
        self._forwarder = forwarder
        self.bury = DeadLetters(topic, forwarder).bury
        self.report = report

    def read(self, envelopes: Iterable[Envelope]) -> list[DecodedMessage]:
        bounds = Bounds.at(timezone.now())
        decode = self._topic.decode
        return [DecodedMessage(envelope, read_message(decode, envelope, bounds)) for envelope in envelopes]

    def settle(self, casino_id: int, envelopes: Iterable[Envelope]) -> bool:
        """Deal with messages that were parked; False if they have to wait on."""
        now = timezone.now()
        readings = self.read(envelopes)
        casino = find_casinos([casino_id]).get(casino_id)
        if casino is not None:
            return self._try(casino, readings, now)
        self._bury_unknown(readings, now)
        return True

    def take_quiet(self, seconds: float) -> list[int]:
        """The ids of casinos of which messages were stored, but none for so long. Each is named once."""
        before = time.monotonic() - seconds
        quiet = [casino_id for casino_id, stored_at in self._stored_at.items() if stored_at < before]
        for casino_id in quiet:
            del self._stored_at[casino_id]
        return quiet

    def _try(self, casino: Casino, readings: Sequence[DecodedMessage], now: datetime) -> bool:
        """Whether the messages are stored; if not, the casino's database is away."""
        if self.availability.is_away(casino.pk):
            return False
        try:
            if casino.state not in READY_STATES:
                raise DatabaseUnavailable(f"it is {casino.state}")
            verdicts = store_messages(self._topic, casino, readings, now, lambda rejected: self.bury(rejected, now))
        except DatabaseUnavailable as error:
            self._note_away(casino, str(error))
            return False
        self.availability.note_back(casino.pk)
        self._stored_at[casino.pk] = time.monotonic()
        self.report(verdicts)
        return True

    def _note_away(self, casino: Casino, reason: str) -> None:
        require_catalogue()
        logger.warning("%s: the database of %s is away, its messages wait: %s", self._topic.name, casino, reason)
        self.availability.note_away(casino.pk, reason)

    def _bury_unknown(self, readings: Sequence[DecodedMessage], now: datetime) -> None:
        """Messages that no casino's database can count: the dead letters alone know them."""
        rejections = (each.content if isinstance(each.content, Rejection) else _UNKNOWN for each in readings)
        verdicts = [
            MessageResult.reject(reading.envelope, rejection)
            for reading, rejection in zip(readings, rejections, strict=True)
        ]
        self.bury(verdicts, now)
        self.report(verdicts)


class BatchStore(CasinoStore):
    """Deals with batches. When one is dealt with, each of its messages is stored, parked or a dead letter, for good."""

    def __init__(
        self, topic: Topic, parking: Parking, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]
    ) -> None:
        super().__init__(topic, forwarder, report)
        self._parking = parking

    def store(self, readings: Sequence[DecodedMessage]) -> None:
        now = timezone.now()
        groups = _by_casino(readings)
        casinos = find_casinos(groups)
        for casino_id, group in groups.items():
            if casino_id is not None and casino_id in casinos:
                self._store_group(casinos[casino_id], group, now)
            else:
                self._bury_unknown(group, now)
        self._forwarder.flush()

    def _store_group(self, casino: Casino, group: Sequence[DecodedMessage], now: datetime) -> None:
        waiting: list[DecodedMessage] = []
        direct: list[DecodedMessage] = []
        for reading in group:
            is_behind = self._parking.holds(casino.pk, reading.envelope.place.partition)
            (waiting if is_behind else direct).append(reading)
        if direct and not self._try(casino, direct, now):
            waiting = [*group]
        if waiting:
            self._park(casino.pk, waiting, now)

    def _park(self, casino_id: int, readings: Sequence[DecodedMessage], now: datetime) -> None:
        envelopes = [reading.envelope for reading in readings]
        self._parking.park(envelopes, self.availability.reason(casino_id), now)
        self.report([MessageResult(envelope, PARKED) for envelope in envelopes])


def _by_casino(readings: Iterable[DecodedMessage]) -> dict[int | None, list[DecodedMessage]]:
    groups: dict[int | None, list[DecodedMessage]] = defaultdict(list)
    for reading in readings:
        groups[reading.envelope.casino_id].append(reading)
    return groups

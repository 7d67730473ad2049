"""Stores a topic's messages: each in its own casino's database, or in the topic of parked messages."""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.conf import settings
from django.db import Error
from django.utils import timezone

from ingestion.catalogue import find_casinos, mapping_option, odd_format_option, require_catalogue
from ingestion.dead_letters.write import DeadLetters
from ingestion.errors import (
    AllDatabasesUnavailable,
    DatabaseUnavailable,
    DeadLettersFull,
    RejectionLimitExceeded,
    SharedFailure,
    UnusableOption,
)
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import read_message
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.own_words import read_own_words
from ingestion.parking.parking import Parking
from ingestion.topics import Topic
from recommendations.validation.odds import OddFormat
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.postgresql.wait_budget import waiting_at_most

from .database_errors import first_line, sqlstate_of
from .mapped_messages import MappedTurn, read_mapped_messages
from .pace import SLOW_TURNS, Pace
from .rejection_limit import CasinoFailures, RejectionLimit, listed
from .transaction import store_messages

logger = logging.getLogger(__name__)

PARKED = "parked"
NO_CASINO = 0  # the id under which messages without one are parked
_NEARLY_OVER = 0.2  # the server ends a statement before the client gives up
_SHOWN = 5
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

    def record_pause(self, casino_id: int, reason: str, seconds: float) -> None:
        """Open the circuit for these seconds."""
        self._outages[casino_id] = _Outage(reason, FIRST_RETRY_SECONDS, time.monotonic() + seconds)

    def record_success(self, casino_id: int) -> None:
        self._outages.pop(casino_id, None)

    def forget_unparked(self, parked: Collection[int]) -> None:
        """Forget the casinos without parked messages that may be tried again: their partitions are another consumer's
        now, or they were deleted."""
        now = time.monotonic()
        self._outages = {
            casino_id: outage
            for casino_id, outage in self._outages.items()
            if casino_id in parked or now < outage.retry_at
        }

    def describe(self) -> str:
        """The casinos and reasons, at most five; empty if there are none."""
        outages = [*self._outages.items()]
        texts = [f"casino {casino_id} are parked: {outage.reason}" for casino_id, outage in outages[:_SHOWN]]
        return "; of ".join(texts) + (f"; and of {len(outages) - _SHOWN} more" if len(outages) > _SHOWN else "")

    def __len__(self) -> int:
        return len(self._outages)


class CasinoStore:
    """Stores messages of one casino at a time. `report` is called with the result of each message. With a `limit`,
    messages of a casino that exceeds it stay parked.

    Raises AllDatabasesUnavailable if the catalogue is unavailable too. Then the same messages must be stored again; the
    ledger prevents duplicates.
    """

    def __init__(
        self,
        topic: Topic,
        report: Callable[[list[MessageResult]], None],
        limit: RejectionLimit | None = None,
    ) -> None:
        self.circuit_breaker = CircuitBreaker()
        self.dead_letters = DeadLetters(topic)
        self.report = report
        self._stored_at: dict[int, float] = {}
        self._topic = topic
        self._limit = limit
        self._failures = CasinoFailures()  # of unexpected kinds
        self._pace = Pace()

    def decode(self, envelopes: Iterable[Envelope]) -> list[DecodedMessage]:
        """Raises AllDatabasesUnavailable if the catalogue is, and a casino's own words are needed."""
        bounds = TimeBounds.at(timezone.now())
        decode, partial = self._topic.decode, self._topic.partial
        messages = [DecodedMessage(each, read_message(decode, partial, each, bounds)) for each in envelopes]
        if partial is not None:
            read_own_words(self._topic, messages, bounds)
        return messages

    def store_parked(self, casino_id: int, envelopes: Iterable[Envelope]) -> int:
        """Store parked messages of one casino, or only the first of them; returns their number."""
        now = timezone.now()
        messages = self.decode(envelopes)
        casino = find_casinos([casino_id], self._topic.name).get(casino_id)
        if casino is not None:
            return self._try_to_store_mapped(casino, messages, now)
        if self._reject_unknown_casino(messages, now):
            return 0
        self.circuit_breaker.record_success(casino_id)
        return len(messages)

    def pop_idle_casinos(self, seconds: float) -> list[int]:
        """The ids of casinos whose last message was stored at least `seconds` ago, each returned once."""
        before = time.monotonic() - seconds
        idle = [casino_id for casino_id, stored_at in self._stored_at.items() if stored_at < before]
        for casino_id in idle:
            del self._stored_at[casino_id]
        return idle

    def _try_to_store_mapped(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> int:
        """As `_try_to_store`, of messages that the casino's mapping, if it has one, has not read yet."""
        turn = self._read_mapped(casino, messages, now)
        stored = self._try_to_store(casino, messages[: turn.done], now) if turn.done else 0
        self._record_mapped_turn(casino, turn)
        return stored

    def _read_mapped(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> MappedTurn:
        option = mapping_option(casino)
        try:
            odd_format = odd_format_option(casino)
        except UnusableOption as error:
            return MappedTurn(0, str(error))
        if option is None and odd_format is OddFormat.DECIMAL:
            return MappedTurn(len(messages))
        if self.circuit_breaker.is_open(casino.pk):  # they will be read when they are tried again
            return MappedTurn(0)
        bounds = TimeBounds.at(now, odd_format)
        if option is not None:
            return read_mapped_messages(self._topic, casino.pk, option, messages, bounds)
        self._read_again(messages, bounds)
        return MappedTurn(len(messages))

    def _read_again(self, messages: Sequence[DecodedMessage], bounds: TimeBounds) -> None:
        decode, partial = self._topic.decode, self._topic.partial
        for message in messages:
            message.content = read_message(decode, partial, message.envelope, bounds)
        if partial is not None:
            read_own_words(self._topic, messages, bounds)

    def _record_mapped_turn(self, casino: Casino, turn: MappedTurn) -> None:
        """A casino whose messages are not all read pauses as long as its turn took, and for a while if its mapping
        can't be used."""
        if turn.done and turn.reason:
            self.circuit_breaker.record_pause(casino.pk, turn.reason, turn.seconds)
        elif turn.reason:
            self._record_failure(casino, turn.reason)

    def _try_to_store(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> int:
        """Store the messages, the first of them, or none, as the casino's database permits; returns their number."""
        if self.circuit_breaker.is_open(casino.pk):
            return 0
        began, stored = time.monotonic(), 0
        try:
            for part in self._pace.parts(casino.pk, messages):
                self.report(self._store_within_budget(casino, part, now))
                stored += len(part)
        except (DatabaseUnavailable, RejectionLimitExceeded, DeadLettersFull) as error:
            self._record_failure(casino, str(error))
            return stored
        except AllDatabasesUnavailable:
            raise
        except Error as error:
            self._record_unexpected(casino, error)
            return stored
        except Exception as error:  # the contents of one casino's database must not stop the other casinos
            logger.exception("%s: unexpected error while storing for %s", self._topic.name, casino)
            self._record_unexpected(casino, error)
            return stored
        self._failures.record_success(casino.pk)
        self._stored_at[casino.pk] = time.monotonic()
        self._record_turn(casino, stored, len(messages), time.monotonic() - began)
        return stored

    def _store_within_budget(
        self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime
    ) -> list[MessageResult]:
        seconds = settings.INGESTION_TRANSACTION_SECONDS
        with waiting_at_most(seconds) as budget:
            try:
                return self._store(casino, messages, now)
            except DatabaseUnavailable as error:
                if budget.left > seconds * _NEARLY_OVER:
                    raise
                self._pace.record_timeout(casino.pk, len(messages))
                raise DatabaseUnavailable(
                    f"storing {len(messages)} messages took longer than INGESTION_TRANSACTION_SECONDS ({seconds:g} s)"
                ) from error

    def _record_turn(self, casino: Casino, stored: int, wanted: int, seconds: float) -> None:
        """A casino that is slow again and again counts as unavailable; one with more messages than fit its turn pauses
        as long as the turn took, so that it takes at most half of the consumer's time."""
        self._pace.record_turn(casino.pk, stored, seconds)
        if self._pace.is_slow(casino.pk):
            text = f"storing {stored} messages took {seconds:.1f} s; it was as slow {SLOW_TURNS} times in a row or more"
            self._record_failure(casino, text)
        elif stored < wanted:
            text = f"{wanted - stored} messages are left of a turn of {seconds:.1f} s"
            logger.warning("%s: messages of %s are parked: %s", self._topic.name, casino, text)
            self.circuit_breaker.record_pause(casino.pk, text, seconds)
        else:
            self.circuit_breaker.record_success(casino.pk)

    def _store(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> list[MessageResult]:
        if casino.state not in READY_STATES:
            raise DatabaseUnavailable(f"the casino is {casino.state}")
        require_few_rejections = list if self._limit is None else partial(self._limit.require, casino.pk)
        return store_messages(
            self._topic,
            casino,
            messages,
            now,
            lambda rejected: self.dead_letters.send(rejected, now),
            require_few_rejections=require_few_rejections,
        )

    def _record_failure(self, casino: Casino, reason: str) -> None:
        require_catalogue()
        logger.warning("%s: messages of %s are parked: %s", self._topic.name, casino, reason)
        self.circuit_breaker.record_failure(casino.pk, reason)

    def _record_unexpected(self, casino: Casino, error: Exception) -> None:
        """A trigger's own SQLSTATE, an unreadable stored value, or an error of this program."""
        reason = f"{type(error).__name__} {sqlstate_of(error)}".strip() + f": {first_line(error)}"
        self._record_failure(casino, reason)
        self._failures.record_failure(casino.pk, reason)

    def _reject_unknown_casino(self, messages: Sequence[DecodedMessage], now: datetime) -> list[DecodedMessage]:
        """Send messages without a casino's database to the catalogue's dead letters; no database counts them. Returns
        those to park: all of them, while the catalogue can't take more."""
        results = [
            MessageResult.reject(
                each.envelope,
                each.content if isinstance(each.content, Rejection) else _UNKNOWN_CASINO,
                is_casino_known=False,
            )
            for each in messages
        ]
        if self.circuit_breaker.is_open(NO_CASINO):
            return self._to_park_without_casino(messages, self.circuit_breaker.reason(NO_CASINO))
        try:
            self.dead_letters.send_unassigned(results, now)
        except DeadLettersFull as error:
            logger.warning("%s: messages without a known casino are parked: %s", self._topic.name, error)
            self.circuit_breaker.record_failure(NO_CASINO, str(error))
            return self._to_park_without_casino(messages, str(error))
        self.circuit_breaker.record_success(NO_CASINO)
        self.report(results)
        return []

    def _to_park_without_casino(self, messages: Sequence[DecodedMessage], reason: str) -> list[DecodedMessage]:
        """These messages; each id that they name waits, so that parked ones are not read again and again."""
        for casino_id in {each.envelope.casino_id or NO_CASINO for each in messages} - {NO_CASINO}:
            self.circuit_breaker.record_failure(casino_id, reason)
        return list(messages)


class BatchStore(CasinoStore):
    """Stores batches. After `store` returns, each message of the batch is stored, parked or a dead letter."""

    def __init__(
        self, topic: Topic, parking: Parking, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]
    ) -> None:
        self._rejections = RejectionLimit(topic.name)
        super().__init__(topic, report, self._rejections if topic.parks_rejected else None)
        self._parking = parking
        self._forwarder = forwarder

    def store(self, messages: Sequence[DecodedMessage], *, is_retry: bool = False) -> None:
        """Raises TooManyRejections with nothing stored, and SharedFailure; then too the same messages must be stored
        again. `is_retry`: they are counted already."""
        now = timezone.now()
        groups: dict[int | None, list[DecodedMessage]] = defaultdict(list)
        for message in messages:
            groups[message.envelope.casino_id].append(message)
        casinos = find_casinos(groups, self._topic.name)
        unknown = [message for message in messages if message.envelope.casino_id not in casinos]
        known = {casino_id: groups[casino_id] for casino_id in casinos}
        turns = {casino_id: self._read_mapped(casinos[casino_id], group, now) for casino_id, group in known.items()}
        if not is_retry:
            self._rejections.count({casino_id: group[: turns[casino_id].done] for casino_id, group in known.items()})
        to_park: dict[int, list[DecodedMessage]] = defaultdict(list)
        for message in self._reject_unknown_casino(unknown, now) if unknown else ():
            to_park[message.envelope.casino_id or NO_CASINO].append(message)
        to_park |= {
            casino_id: self._store_turn(casinos[casino_id], group, turns[casino_id], now)
            for casino_id, group in known.items()
        }
        self._require_no_shared_failure()
        if any(to_park.values()):
            for casino_id, group in to_park.items():
                self._park(casino_id, group, now, is_casino_known=casino_id in known)
            self._forwarder.flush()

    def _require_no_shared_failure(self) -> None:
        """Before anything is parked: a restarted consumer would park it again each time."""
        if shared := self._failures.reasons_if_shared():
            raise SharedFailure(
                f"{self._topic.name}: messages of nearly all casinos fail in an unexpected way ({listed(shared)}), so "
                f"the cause is probably not in their databases. Example: {next(reversed(shared.values()))}. The last "
                "batch stays in Kafka. Report this error; after the fix, restart."
            )

    def _store_turn(
        self, casino: Casino, group: list[DecodedMessage], turn: MappedTurn, now: datetime
    ) -> list[DecodedMessage]:
        """Store the messages that are read; returns those to park, and with them all that are not read."""
        to_park = self._store_group(casino, group[: turn.done], now)
        self._record_mapped_turn(casino, turn)
        return to_park + group[turn.done :]

    def _store_group(self, casino: Casino, group: list[DecodedMessage], now: datetime) -> list[DecodedMessage]:
        """Store one casino's messages; returns those to park, which keep their order behind parked ones."""
        to_park: list[DecodedMessage] = []
        to_store: list[DecodedMessage] = []
        for message in group:
            is_behind = self._parking.has_parked(casino.pk, message.envelope.place.partition)
            (to_park if is_behind else to_store).append(message)
        stored = self._try_to_store(casino, to_store, now) if to_store else 0
        if stored == len(to_store):
            return to_park
        done = {id(message) for message in to_store[:stored]}
        return [message for message in group if id(message) not in done]

    def _park(
        self, casino_id: int, messages: Sequence[DecodedMessage], now: datetime, *, is_casino_known: bool
    ) -> None:
        envelopes = [message.envelope for message in messages]
        self._parking.park(envelopes, self.circuit_breaker.reason(casino_id), now)
        self.report([MessageResult(envelope, PARKED, is_casino_known=is_casino_known) for envelope in envelopes])

"""Stores messages of one casino at a time, depending on the state of its database."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
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
    UnusableOption,
)
from ingestion.mappings.status_words import read_own_words
from ingestion.messages.decoding import Rejection, TimeBounds
from ingestion.messages.envelope import Envelope
from ingestion.messages.reading import DecodedMessage, read_message
from ingestion.messages.results import MessageResult
from ingestion.topics import Topic
from recommendations.validation.odds import OddFormat
from tenants.models import Casino
from tenants.models.casino import READY_STATES
from tenants.postgresql.wait_budget import waiting_at_most

from .circuit_breaker import CircuitBreaker
from .database_errors import first_line, sqlstate_of
from .mapped_messages import MappedTurn, read_mapped_messages
from .pace import SLOW_TURNS, Pace
from .rejection_limit import CasinoFailures, RejectionLimit
from .restrictions import store_restrictions
from .transaction import store_messages

logger = logging.getLogger(__name__)

NO_CASINO = 0  # the id under which messages without a casino are parked
_MIN_REMAINING_SHARE = 0.2  # of the time limit; the server ends a statement before the client gives up
_UNKNOWN_CASINO = Rejection(
    "unknown_casino", "casino_id", "casino_id is not a known casino: create the casino, then replay"
)


class CasinoStore:
    """Stores messages of one casino at a time. `report` gets the results of the messages. With a `limit`, messages of a
    casino that exceeds it stay parked.

    Raises AllDatabasesUnavailable if the catalogue is unavailable too. The same messages must then be stored again; the
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
        self._failures = CasinoFailures()  # unexpected errors
        self._pace = Pace()

    def decode(self, envelopes: Iterable[Envelope], bounds: TimeBounds | None = None) -> list[DecodedMessage]:
        """Decode the messages; unknown words are read with their casinos' own words. `bounds` are by default those of
        now. Raises AllDatabasesUnavailable if own words are needed and the catalogue is unavailable."""
        topic, bounds = self._topic, bounds or TimeBounds.at(timezone.now())
        messages = [DecodedMessage(each, read_message(topic.decode, topic.partial, each, bounds)) for each in envelopes]
        if topic.partial is not None:
            read_own_words(topic, messages, bounds)
        return messages

    def store_parked(self, casino_id: int, envelopes: Iterable[Envelope]) -> int:
        """Store parked messages of one casino, or only the first of them. Returns their number."""
        now = timezone.now()
        messages = self.decode(envelopes)
        casino = find_casinos([casino_id], self._topic.name).get(casino_id)
        if casino is not None:
            return self._try_to_store_mapped(casino, messages, now)
        if self._reject_unknown_casino(messages, now):
            return 0
        self.circuit_breaker.record_success(casino_id)
        return len(messages)

    def close_lost(self, lost: Envelope) -> bool:
        """Store the closings that replace the casino's deleted parked messages. Returns whether that is done, or
        impossible."""
        casino_id = lost.casino_id or NO_CASINO
        casino = find_casinos([casino_id], self._topic.name).get(casino_id)
        if casino is None or self._topic.restrict is None:
            return True
        return self._restrict(casino, self.decode([lost]))

    def pop_idle_casinos(self, seconds: float) -> list[int]:
        """The ids of casinos whose last message was stored at least `seconds` ago, each returned once."""
        before = time.monotonic() - seconds
        idle = [casino_id for casino_id, stored_at in self._stored_at.items() if stored_at < before]
        for casino_id in idle:
            del self._stored_at[casino_id]
        return idle

    def _try_to_store_mapped(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> int:
        """Like `_try_to_store`, for messages that the casino's mapping, if it has one, has not read yet."""
        turn = self._read_mapped(casino, messages, now)
        stored = self._try_to_store(casino, messages[: turn.done], now) if turn.done else 0
        self._restrict(casino, messages[stored : turn.done])
        self._record_mapped_turn(casino, turn)
        return stored

    def _read_mapped(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> MappedTurn:
        """Read the messages' contents again by the casino's mapping or odd format, until its turn is over. Messages of
        a paused casino are read at the next try. Raises AllDatabasesUnavailable."""
        option = mapping_option(casino)
        try:
            odd_format = odd_format_option(casino)
        except UnusableOption as error:
            return MappedTurn(0, str(error))
        if option is None and odd_format is OddFormat.DECIMAL:
            return MappedTurn(len(messages))
        if self.circuit_breaker.is_open(casino.pk) and not self._may_restrict(casino):
            return MappedTurn(0)
        bounds = TimeBounds.at(now, odd_format)
        if option is not None:
            return read_mapped_messages(self._topic, casino.pk, option, messages, bounds)
        again = self.decode([message.envelope for message in messages], bounds)
        for message, decoded in zip(messages, again, strict=True):
            message.content = decoded.content
        return MappedTurn(len(messages))

    def _record_mapped_turn(self, casino: Casino, turn: MappedTurn) -> None:
        """Pause a casino with unread messages for the duration of its turn, and a casino whose mapping can't be used
        for a while."""
        if turn.done and turn.reason:
            self.circuit_breaker.record_pause(casino.pk, turn.reason, turn.seconds)
        elif turn.reason:
            self._record_failure(casino, turn.reason)

    def _try_to_store(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> int:
        """Store all messages, the first of them, or none, depending on the casino's database. Returns their number."""
        if self.circuit_breaker.is_open(casino.pk):
            return 0
        began, stored = time.monotonic(), 0
        try:
            for part in self._pace.parts(casino.pk, messages):
                self.report(self._store(casino, part, now))
                stored += len(part)
        except DeadLettersFull as error:
            self._record_failure(casino, str(error), is_database_usable=True)
            return stored
        except (DatabaseUnavailable, RejectionLimitExceeded) as error:
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

    def _store(self, casino: Casino, messages: Sequence[DecodedMessage], now: datetime) -> list[MessageResult]:
        """Store the messages in one transaction, within its time limit."""
        if casino.state not in READY_STATES:
            raise DatabaseUnavailable(f"the casino is {casino.state}")
        require_few_rejections = list if self._limit is None else partial(self._limit.require, casino.pk)
        seconds = settings.INGESTION_TRANSACTION_SECONDS
        with waiting_at_most(seconds) as budget:
            try:
                return store_messages(
                    self._topic,
                    casino,
                    messages,
                    now,
                    lambda rejected: self.dead_letters.send(rejected, now),
                    require_few_rejections=require_few_rejections,
                )
            except DatabaseUnavailable as error:
                if budget.left > seconds * _MIN_REMAINING_SHARE:
                    raise
                self._pace.record_timeout(casino.pk, len(messages))
                raise DatabaseUnavailable(
                    f"storing {len(messages)} messages took longer than INGESTION_TRANSACTION_SECONDS ({seconds:g} s)"
                ) from error

    def _record_turn(self, casino: Casino, stored: int, total: int, seconds: float) -> None:
        """Record the turn. A casino that is slow in many turns counts as unavailable. A casino with messages left after
        its turn pauses for the turn's duration, so that it takes at most half of the consumer's time."""
        self._pace.record_turn(casino.pk, stored, seconds)
        if self._pace.is_slow(casino.pk):
            text = f"storing {stored} messages took {seconds:.1f} s; it was as slow {SLOW_TURNS} times in a row or more"
            self._record_failure(casino, text)
        elif stored < total:
            text = f"{total - stored} messages are left of a turn of {seconds:.1f} s"
            logger.warning("%s: messages of %s are parked: %s", self._topic.name, casino, text)
            self.circuit_breaker.record_pause(casino.pk, text, seconds)
        else:
            self.circuit_breaker.record_success(casino.pk)

    def _restrict(self, casino: Casino, messages: Sequence[DecodedMessage]) -> bool:
        """Store the closings and restrictions of parked messages at once, if the messages are parked only because their
        rejections have no room, or behind others. Storing the messages later repeats them, so this may run any number
        of times. Returns whether they are stored."""
        if not messages or not self._may_restrict(casino):
            return False
        try:
            with waiting_at_most(settings.INGESTION_TRANSACTION_SECONDS):
                store_restrictions(self._topic, casino, messages)
        except (DatabaseUnavailable, Error) as error:
            self._record_failure(casino, f"{first_line(error)}, so the restrictions of parked messages wait too")
        except AllDatabasesUnavailable:
            raise
        except Exception as error:  # the contents of one casino's database must not stop the other casinos
            logger.exception("%s: unexpected error while restricting for %s", self._topic.name, casino)
            self._record_unexpected(casino, error)
        else:
            return True
        return False

    def _may_restrict(self, casino: Casino) -> bool:
        is_usable = casino.state in READY_STATES and self.circuit_breaker.is_usable(casino.pk)
        return self._topic.restrict is not None and is_usable

    def _record_failure(self, casino: Casino, reason: str, *, is_database_usable: bool = False) -> None:
        require_catalogue()
        logger.warning("%s: messages of %s are parked: %s", self._topic.name, casino, reason)
        self.circuit_breaker.record_failure(casino.pk, reason, is_database_usable=is_database_usable)

    def _record_unexpected(self, casino: Casino, error: Exception) -> None:
        """Record an unexpected error: a trigger's own SQLSTATE, an unreadable stored value, or an error in the code."""
        reason = f"{type(error).__name__} {sqlstate_of(error)}".strip() + f": {first_line(error)}"
        self._record_failure(casino, reason)
        self._failures.record_failure(casino.pk, reason)

    def _reject_unknown_casino(self, messages: Sequence[DecodedMessage], now: datetime) -> list[DecodedMessage]:
        """Send messages without a casino's database to the catalogue's dead letters; no casino counts them. Returns the
        messages to park: all of them while the catalogue is full."""
        results = [
            MessageResult.reject(
                each.envelope,
                each.content if isinstance(each.content, Rejection) else _UNKNOWN_CASINO,
                is_casino_known=False,
            )
            for each in messages
        ]
        if self.circuit_breaker.is_open(NO_CASINO):
            return self._open_circuits(messages, self.circuit_breaker.reason(NO_CASINO))
        try:
            self.dead_letters.send_unassigned(results, now)
        except DeadLettersFull as error:
            logger.warning("%s: messages without a known casino are parked: %s", self._topic.name, error)
            self.circuit_breaker.record_failure(NO_CASINO, str(error))
            return self._open_circuits(messages, str(error))
        self.circuit_breaker.record_success(NO_CASINO)
        self.report(results)
        return []

    def _open_circuits(self, messages: Sequence[DecodedMessage], reason: str) -> list[DecodedMessage]:
        """These messages. Opens the circuit of each casino id in them, so that the parked ones are not read
        repeatedly."""
        for casino_id in {each.envelope.casino_id or NO_CASINO for each in messages} - {NO_CASINO}:
            self.circuit_breaker.record_failure(casino_id, reason)
        return list(messages)

"""Dispatches a topic's batches: each casino's messages to its own database, or to the topic of parked messages."""

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import connections
from django.utils import timezone

from ingestion.catalogue import find_casinos
from ingestion.errors import IngestionError, SharedFailure
from ingestion.kafka.forwarder import Forwarder
from ingestion.messages.reading import DecodedMessage
from ingestion.messages.results import MessageResult
from ingestion.parking.parking import Parking
from ingestion.topics import Topic
from tenants.models import Casino
from tenants.postgresql.stalls import most_stalled

from .casino_store import NO_CASINO, CasinoStore
from .mapped_messages import MappedTurn
from .rejection_limit import RejectionLimit, listed

logger = logging.getLogger(__name__)

PARKED = "parked"

Result = TypeVar("Result")


class BatchStore(CasinoStore):
    """Stores batches. After `store` returns, each message of the batch is stored, parked or a dead letter.

    `INGESTION_STORING_THREADS` threads store the casinos, so `report` is called in several threads. `store` waits for
    all of them; the caller's thread does everything that does not belong to one casino.
    """

    def __init__(
        self, topic: Topic, parking: Parking, forwarder: Forwarder, report: Callable[[list[MessageResult]], None]
    ) -> None:
        self._rejections = RejectionLimit(topic.name)
        super().__init__(topic, report, self._rejections if topic.parks_rejected else None)
        self._parking = parking
        self._forwarder = forwarder
        most = min(settings.CASINO_CONNECTIONS, most_stalled())  # more would get no connection, or could not wait
        self._turns = CasinoTurns(min(settings.INGESTION_STORING_THREADS, most))

    def store(self, messages: Sequence[DecodedMessage], *, is_retry: bool = False) -> None:
        """Store the batch. Raises TooManyRejections, with nothing stored, and SharedFailure; after both, the same
        messages must be stored again. `is_retry`: the messages are counted already."""
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
        store_turns = {
            casino_id: partial(self._store_turn, casinos[casino_id], group, turns[casino_id], now)
            for casino_id, group in known.items()
        }
        to_park |= self._turns.run(store_turns)
        self._require_no_shared_failure()
        if any(to_park.values()):
            for casino_id, group in to_park.items():
                self._park(casino_id, group, now, is_casino_known=casino_id in known)
            self._forwarder.flush()

    def close(self) -> None:
        """End the threads."""
        self._turns.close()

    def _require_no_shared_failure(self) -> None:
        """Raises SharedFailure before any message is parked: a restarted consumer would park it again each time."""
        if shared := self._failures.reasons_if_shared():
            raise SharedFailure(
                f"{self._topic.name}: messages of nearly all casinos fail in an unexpected way ({listed(shared)}), so "
                f"the cause is probably not in their databases. Example: {next(reversed(shared.values()))}. The last "
                "batch stays in Kafka. Report this error; after the fix, restart."
            )

    def _store_turn(
        self, casino: Casino, group: list[DecodedMessage], turn: MappedTurn, now: datetime
    ) -> list[DecodedMessage]:
        """Store the messages that are read. Returns the messages to park, with all that are not read."""
        to_park = self._store_group(casino, group[: turn.done], now)
        self._restrict(casino, to_park)
        self._record_mapped_turn(casino, turn)
        return to_park + group[turn.done :]

    def _store_group(self, casino: Casino, group: list[DecodedMessage], now: datetime) -> list[DecodedMessage]:
        """Store one casino's messages. Returns the messages to park, which must stay behind those already parked."""
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


class CasinoTurns:
    """Runs the turns of a batch's casinos, at most `threads` at once, each in one thread and within the caller's wait
    budget. While PostgreSQL stores one casino's rows, another's are prepared, and a slow database delays fewer
    others."""

    def __init__(self, threads: int) -> None:
        self._executor = ThreadPoolExecutor(threads, "casino-turn") if threads > 1 else None

    def run(self, turns: Mapping[int, Callable[[], Result]]) -> dict[int, Result]:
        """The turns' results, by casino. If a turn fails, those not begun are skipped, and the first error in the order
        of the turns is raised, once all running turns have ended."""
        if self._executor is None or len(turns) < 2:
            return {casino_id: turn() for casino_id, turn in turns.items()}
        futures = dict[int, Future[Result]]()
        try:
            for casino_id, turn in turns.items():
                futures[casino_id] = self._executor.submit(copy_context().run, _run, turn)
            wait(futures.values(), return_when=FIRST_EXCEPTION)
        finally:
            for future in futures.values():
                future.cancel()
            wait(futures.values())
        failed = [each for each, future in futures.items() if not future.cancelled() and future.exception()]
        for casino_id in failed[1:]:
            error = futures[casino_id].exception()
            is_expected = isinstance(error, IngestionError)  # such as an outage of the catalogue, which fails all turns
            logger.error(
                "Storing messages of casino %d failed too: %s",
                casino_id,
                error,
                exc_info=None if is_expected else error,
            )
        return {casino_id: future.result() for casino_id, future in futures.items()}  # the skipped turns are the last

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)


def _run(turn: Callable[[], Result]) -> Result:
    try:
        return turn()
    finally:
        connections.close_all()  # the catalogue's connection, which few turns need; the casino's is checked in

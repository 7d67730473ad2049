"""One casino's messages into its database: all their effects and the ledger in one transaction, and what can't be
stored to the dead letters before that transaction is committed."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from django.db import DatabaseError, Error, IntegrityError

from ingestion.errors import DatabaseUnavailable
from ingestion.messages.decoding import Rejection
from ingestion.messages.envelope import Envelope, pack
from ingestion.outcomes import DecodedMessage, MessageResult
from ingestion.topics import Topic
from recommendations.storing import Outcome, Result
from recommendations.validation.rows import Row
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, casino_connection
from tenants.routing.context import use_casino
from tenants.schema.version import require_up_to_date

from .database_errors import DatabaseErrorKind, classify, first_line, sqlstate_of
from .ledger import Count, Ledger

ATTEMPTS = 6
_PAUSE_SECONDS = 0.05
_QUICK_SECONDS = 1.0
REPEATED = "repeated"


Bury = Callable[[Iterable[MessageResult]], None]


def store_messages(
    topic: Topic, casino: Casino, readings: Sequence[DecodedMessage], now: datetime, bury: Bury
) -> list[MessageResult]:
    """Store messages of one casino, in the order of their offsets, each once and for all.

    Raises DatabaseUnavailable if the casino's database can't be written to at present; then nothing was stored. What one
    message is refused for by PostgreSQL is found by halving, and buried with the other rejections; `bury` has to have
    them safe when it returns. Raises what can't be told apart (django.db.Error), for then going on might lose messages.
    """
    is_careful = False
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        try:
            require_up_to_date(casino)
            with use_casino(casino.current):
                return _store_once(topic, readings, now, bury, is_careful=is_careful)
        except Error as error:
            fault = classify(error)
            is_quick = time.monotonic() - began < _QUICK_SECONDS
            if fault is DatabaseErrorKind.BAD_ROW and not is_careful:
                is_careful = True
            elif fault is DatabaseErrorKind.CONFLICT and attempt < ATTEMPTS:
                time.sleep(_PAUSE_SECONDS * attempt * random.random())
            elif fault is DatabaseErrorKind.OUTAGE and attempt == 1 and is_quick:
                continue  # a connection that was cut; a new one may do
            elif fault in {DatabaseErrorKind.OUTAGE, DatabaseErrorKind.CONFLICT}:
                raise DatabaseUnavailable(first_line(error)) from error
            else:
                raise
    raise DatabaseUnavailable("its transactions conflict with others again and again")


def _store_once(
    topic: Topic, readings: Sequence[DecodedMessage], now: datetime, bury: Bury, *, is_careful: bool
) -> list[MessageResult]:
    with casino_atomic():
        ledger = Ledger(topic.group, readings[0].envelope.place.topic, (reading.envelope for reading in readings))
        new = ledger.take_new(readings)
        verdicts = _judge(topic, new, _store_carefully if is_careful else _store)
        if rejected := [verdict for verdict in verdicts if verdict.rejection is not None]:
            bury(rejected)
        repeated = len(readings) - len(new)
        ledger.write(count_verdicts(verdicts, repeated), now)
    if repeated:
        known = {id(reading) for reading in new}
        verdicts += [MessageResult(each.envelope, REPEATED) for each in readings if id(each) not in known]
    return verdicts


Store = Callable[[Topic, Sequence[DecodedMessage]], Sequence[Outcome | Rejection]]


def _judge(topic: Topic, readings: Sequence[DecodedMessage], store: Store) -> list[MessageResult]:
    verdicts = [
        MessageResult.reject(reading.envelope, reading.content)
        for reading in readings
        if isinstance(reading.content, Rejection)
    ]
    accepted = [reading for reading in readings if not isinstance(reading.content, Rejection)]
    if accepted:
        outcomes = store(topic, accepted)
        verdicts += [_verdict(reading.envelope, outcome) for reading, outcome in zip(accepted, outcomes, strict=True)]
    return verdicts


def _store(topic: Topic, readings: Sequence[DecodedMessage]) -> list[Outcome]:
    rows = [reading.content for reading in readings]
    envelopes: dict[int, Envelope] = {}

    def message_of(row: Row) -> bytes:
        if not envelopes:
            envelopes.update((id(reading.content), reading.envelope) for reading in readings)
        return pack(envelopes[id(row)])

    return topic.store(rows, message_of)


def _store_carefully(
    topic: Topic, readings: Sequence[DecodedMessage], attempt: int = 2, *, is_last: bool = False
) -> list[Outcome | Rejection]:
    """Store behind a savepoint; where PostgreSQL refuses, each half by itself, down to the message that it means."""
    try:
        with casino_atomic():
            _check_constraints_at_once()
            return list(_store(topic, readings))
    except DatabaseError as error:
        if classify(error) is not DatabaseErrorKind.BAD_ROW:
            raise
        refusal = error
    if len(readings) > 1:
        middle = len(readings) // 2
        halves = readings[:middle], readings[middle:]
        return [outcome for half in halves for outcome in _store_carefully(topic, half, attempt + 1)]
    if isinstance(refusal, IntegrityError) and not is_last:
        # the next id that PostgreSQL hands out may be free
        return _store_carefully(topic, readings, attempt + 1, is_last=True)
    return [Rejection("refused_by_database", "", first_line(refusal), sqlstate_of(refusal), attempt)]


def _check_constraints_at_once() -> None:
    """What is checked at the commit would else fail there, when it is too late to find the culprit."""
    with casino_connection().cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


_REFUSED = {
    Result.ID_TAKEN: Rejection(
        "id_taken", "id", "id was given to a row that came without an id; send ids for all, or for none"
    ),
    Result.UNKNOWN_USER: Rejection(
        "unknown_user", "user_id", "user_id is of no user, and no more coupons may wait for their users"
    ),
}


def _verdict(envelope: Envelope, outcome: Outcome | Rejection) -> MessageResult:
    rejection = outcome if isinstance(outcome, Rejection) else _REFUSED.get(outcome.result)
    if rejection is not None:
        return MessageResult.reject(envelope, rejection)
    return MessageResult(envelope, outcome.result.value)  # type: ignore[union-attr]


def count_verdicts(verdicts: Iterable[MessageResult], repeated: int = 0) -> Iterable[Count]:
    """How many ended in which way, for the casino's database; `repeated` messages more were done with before."""
    counts: dict[str, Count] = {}
    for verdict in verdicts:
        count = counts.get(verdict.outcome)
        if count is None:
            count = counts[verdict.outcome] = Count(verdict.outcome, verdict.rejection is not None)
        count.count += 1
        if verdict.rejection is not None:
            count.last_place, count.last_detail = str(verdict.envelope.place), verdict.rejection.detail
    if repeated:
        counts[REPEATED] = Count(REPEATED, count=repeated)
    return counts.values()

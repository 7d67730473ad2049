"""Stores one casino's messages: all their rows, the rejected messages and the ledger in one transaction."""

import random
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import accumulate, chain

from django.db import DatabaseError, Error, IntegrityError

from ingestion.dead_letters.users import with_users
from ingestion.errors import DatabaseUnavailable
from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.envelope import Envelope, pack
from ingestion.messages.reading import Content, DecodedMessage, Several, Unwanted, odds_row_of
from ingestion.messages.results import MessageResult
from ingestion.topics import Topic
from recommendations.models import MAX_PRODUCERS
from recommendations.storing import Outcome, Result
from recommendations.validation.markets import MAX_MARKETS
from recommendations.validation.rows import CouponRow, Row, UnreadSelection
from tenants.models import Casino
from tenants.routing.connections import casino_atomic, execute
from tenants.routing.context import use_casino
from tenants.schema.version import require_up_to_date

from .casino_catalogue import apply_catalogue
from .database_errors import DatabaseErrorKind, classify, first_line, sqlstate_of
from .known_events import with_known_events
from .ledger import OpenLedger, OutcomeCount, PartitionLedger
from .several import merge_results, split_messages

ATTEMPTS = 6
_BACKOFF_SECONDS = 0.05
_QUICK_SECONDS = 1.0
REPEATED, SKIPPED = "repeated", "skipped"
_STORED, _STORED_WORD = Result.STORED, Result.STORED.value  # a lookup in Result takes longer than the rest

SendToDeadLetters = Callable[[Iterable[MessageResult]], None]
RequireFewRejections = Callable[[Sequence[DecodedMessage]], object]
Store = Callable[[Topic, Casino, Sequence[DecodedMessage]], Sequence[Outcome | Rejection]]


def store_messages(
    topic: Topic,
    casino: Casino,
    messages: Sequence[DecodedMessage],
    now: datetime,
    send_to_dead_letters: SendToDeadLetters,
    *,
    open_ledger: OpenLedger = PartitionLedger,
    require_few_rejections: RequireFewRejections = list,
) -> list[MessageResult]:
    """Store one casino's messages of one source, in the order of their offsets, each exactly once.

    If PostgreSQL refuses a row, the batch is bisected to find it, and its message is rejected. `send_to_dead_letters`
    stores the rejected messages in the same transaction. `open_ledger` opens the ledger of the messages' source, in the
    transaction of each attempt. `require_few_rejections` gets the messages that are not stored yet. Raises
    DatabaseUnavailable, the exceptions of these functions, and errors of an unknown SQLSTATE or of unreadable values in
    the casino's database, all with nothing stored.
    """
    store: Store = _store
    for attempt in range(1, ATTEMPTS + 1):
        began = time.monotonic()
        try:
            require_up_to_date(casino)
            with use_casino(casino.current):
                return _store_in_transaction(
                    topic,
                    casino,
                    messages,
                    now,
                    send_to_dead_letters,
                    store=store,
                    open_ledger=open_ledger,
                    require_few_rejections=require_few_rejections,
                )
        except Error as error:
            store = _store_of_next_attempt(error, attempt, store, seconds=time.monotonic() - began)
    raise DatabaseUnavailable(f"transactions conflicted with others {ATTEMPTS} times")


def _store_of_next_attempt(error: Error, attempt: int, store: Store, *, seconds: float) -> Store:
    """The function that stores in the next attempt, after an attempt with `store` that took `seconds`. Waits after a
    conflict. Raises DatabaseUnavailable, or the error, if there must be no other attempt."""
    kind = classify(error)
    if kind is DatabaseErrorKind.BAD_ROW and store is _store:
        return _bisect
    if kind is DatabaseErrorKind.CONFLICT and attempt < ATTEMPTS:
        time.sleep(_BACKOFF_SECONDS * attempt * random.random())
        return store
    if kind is DatabaseErrorKind.OUTAGE and attempt == 1 and seconds < _QUICK_SECONDS:
        return store  # the connection may have been cut: try once with a new one
    if kind in {DatabaseErrorKind.OUTAGE, DatabaseErrorKind.CONFLICT}:
        raise DatabaseUnavailable(first_line(error)) from error
    raise error


def _store_in_transaction(
    topic: Topic,
    casino: Casino,
    messages: Sequence[DecodedMessage],
    now: datetime,
    send_to_dead_letters: SendToDeadLetters,
    *,
    store: Store,
    open_ledger: OpenLedger,
    require_few_rejections: RequireFewRejections,
) -> list[MessageResult]:
    with casino_atomic():
        ledger = open_ledger(topic, messages)
        new = ledger.take_new(messages)
        require_few_rejections(new)
        results = _resolve(topic, casino, new, store)
        if rejected := [result for result in results if result.rejection is not None]:
            send_to_dead_letters(with_users(topic, new, rejected))
        repeated = len(messages) - len(new)
        ledger.write(results, count_results(results, repeated), now)
    if repeated:
        new_ids = {id(message) for message in new}
        results += [MessageResult(each.envelope, REPEATED) for each in messages if id(each) not in new_ids]
    return results


def _resolve(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage], store: Store) -> list[MessageResult]:
    """Store the valid messages, and the closings and restrictions of rejected ones. Returns each message's result;
    messages without rows come first."""
    if any(isinstance(message.content, Several) for message in messages):
        return merge_results(messages, _resolve(topic, casino, split_messages(messages), store))
    if any(isinstance(message.content, CouponRow) and message.content.unread_selections for message in messages):
        messages = with_known_events(messages)
    if topic.catalogue_lists:
        messages = apply_catalogue(topic, casino, messages)
    results = [
        MessageResult.reject(message.envelope, message.content)
        for message in messages
        if isinstance(message.content, Rejection) and not message.rows
    ]
    stored = [message for message in messages if message.rows]
    if stored:
        outcomes = store(topic, casino, stored)
        results += [_result_of(message, outcome) for message, outcome in zip(stored, outcomes, strict=True)]
    return results


def _store(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage]) -> list[Outcome]:
    """Store the rows. Returns the outcome of each message's first row."""
    envelopes: dict[int, Envelope] = {}

    def packed_message_of(row: Row) -> bytes:
        if not envelopes:
            envelopes.update((id(message.content), message.envelope) for message in messages)
        return pack(envelopes[id(row)])

    rows = [message.rows for message in messages]
    outcomes = topic.store([*chain.from_iterable(rows)], message_of=packed_message_of, casino=casino)
    first_places = accumulate(map(len, rows[:-1]), initial=0)
    return [outcomes[first] for first in first_places]


def _bisect(
    topic: Topic, casino: Casino, messages: Sequence[DecodedMessage], attempt: int = 2, *, is_last: bool = False
) -> list[Outcome | Rejection]:
    """Store behind a savepoint; if PostgreSQL refuses a row, store each half by itself, down to the bad row."""
    try:
        with casino_atomic():
            # deferred constraints would fail at the commit, too late to find the bad row
            execute("SET CONSTRAINTS ALL IMMEDIATE")
            return list(_store(topic, casino, messages))
    except DatabaseError as error:
        if classify(error) is not DatabaseErrorKind.BAD_ROW:
            raise
        refusal = error
    if len(messages) > 1:
        middle = len(messages) // 2
        halves = messages[:middle], messages[middle:]
        return [outcome for half in halves for outcome in _bisect(topic, casino, half, attempt + 1)]
    if isinstance(refusal, IntegrityError) and not is_last:
        # the generated id may be in use; the sequence's next one may be free
        return _bisect(topic, casino, messages, attempt + 1, is_last=True)
    return [Rejection("refused_by_database", "", first_line(refusal), sqlstate_of(refusal), attempt)]


_REJECTIONS = {
    Result.ID_TAKEN: Rejection(
        "id_taken", "id", "id was generated for a row sent without an id: send an id with every row, or with none"
    ),
    Result.CONTRADICTS: Rejection(
        "inconsistent",
        "",
        "the event would end before it begins, or a team would play against itself: send all fields of the event",
    ),
    Result.TOO_MANY: Rejection(
        "too_many",
        "markets",
        f"the event has {MAX_MARKETS} markets already, or the casino {MAX_PRODUCERS} producers: send fewer",
    ),
    Result.UNKNOWN_USER: Rejection(
        "unknown_user",
        "user_id",
        "user_id is not a known user, and as many coupons as allowed wait for their users: send the user, then replay",
    ),
}


def _result_of(message: DecodedMessage, outcome: Outcome | Rejection) -> MessageResult:
    envelope, content = message.envelope, message.content
    outcome = content if isinstance(content, Rejection) else outcome
    if isinstance(outcome, Rejection):
        return MessageResult.reject(envelope, outcome)
    if outcome.result is _STORED:
        return MessageResult(envelope, _STORED_WORD)
    if outcome.result is Result.NOT_STORED and isinstance(content, Unwanted):
        return MessageResult(envelope, SKIPPED, note=content.note)
    if outcome.result is Result.NOT_STORED and isinstance(content, Partial):
        return MessageResult.reject(envelope, content.unless_stored)
    if (rejection := _REJECTIONS.get(outcome.result)) is not None:
        return MessageResult(envelope, rejection.code, rejection)
    problem = _unread_market(content) if outcome.result is Result.STORED_IN_PART else None
    unread = content.unread_selections if isinstance(content, CouponRow) else None
    return MessageResult(envelope, outcome.result.value, problem, _unread_text(unread) if unread else "")


def _unread_market(content: Content | Unwanted) -> Rejection | None:
    """The first problem of a partly stored message, which also becomes a dead letter."""
    odds = odds_row_of(content)
    unread = None if odds is None else odds.unread
    return None if unread is None else Rejection(unread.code, unread.field, unread.detail)


def _unread_text(unread: Iterable[UnreadSelection]) -> str:
    return "; ".join(f"recommended_events[{each.number}].{each.field}: {each.code}" for each in unread)


def count_results(results: Iterable[MessageResult], repeated: int = 0) -> Iterable[OutcomeCount]:
    """The number of messages by outcome; `repeated` more were stored before."""
    counts: dict[str, OutcomeCount] = {}
    for result in results:
        count = counts.get(result.outcome)
        if count is None:
            count = counts[result.outcome] = OutcomeCount(result.outcome, result.rejection is not None)
        count.count += 1
        if detail := result.note if result.rejection is None else result.rejection.detail:
            count.last_place, count.last_detail = str(result.envelope.place), detail
    if repeated:
        counts[REPEATED] = OutcomeCount(REPEATED, count=repeated)
    return counts.values()

"""Stores the closings and restrictions of a casino's parked messages before the messages themselves."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec
from django.db import DatabaseError, Error

from ingestion.messages.reading import DecodedMessage
from ingestion.topics import Topic
from recommendations.storing import restrict_odds
from recommendations.validation.changes import Change, EventChange, change_of
from recommendations.validation.markets import OddsRow
from recommendations.validation.restricting import restricting_parts
from recommendations.validation.rows import EventRow, Removal, UserRow
from tenants.models import Casino
from tenants.routing.connections import casino_atomic
from tenants.routing.context import use_casino
from tenants.schema.version import require_up_to_date

from .casino_catalogue import apply_catalogue
from .database_errors import DatabaseErrorKind, classify, first_line
from .ledger import limit_waits
from .several import split_messages

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
Restricting = Change | Removal | OddsRow


def store_restrictions(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage]) -> None:
    """Store the closings, restrictions and removals of these messages without advancing the ledger: the messages
    themselves are stored later. Raises django.db.Error, with nothing stored."""
    require_up_to_date(casino)
    with use_casino(casino.current):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with casino_atomic():
                    limit_waits()
                    checked = apply_catalogue(topic, casino, split_messages(messages))
                    if topic.restrict is not None:
                        _restrict(topic, topic.restrict, [*_restricting(checked)])
                    _restrict(topic, restrict_odds, [*_markets_of_events(checked)])
                return
            except Error as error:
                if classify(error) is not DatabaseErrorKind.CONFLICT or attempt == _ATTEMPTS:
                    raise


def _restricting(messages: Iterable[DecodedMessage]) -> Iterator[Restricting]:
    """The rows and changes that restrict, in the order of the messages."""
    for message in messages:
        for row in message.rows:
            if isinstance(row, Removal | OddsRow):
                yield row
            elif isinstance(row, UserRow | EventRow | Change):
                yield from restricting_parts(change_of(row))


def _markets_of_events(messages: Iterable[DecodedMessage]) -> Iterator[OddsRow]:
    """The markets of events with ids."""
    for message in messages:
        for row in message.rows:
            if isinstance(row, EventRow | EventChange) and isinstance(row.markets, OddsRow) and row.id is not None:
                yield msgspec.structs.replace(row.markets, id=row.id)


def _restrict(topic: Topic, restrict: Callable[[Sequence[Any]], None], changes: Sequence[Restricting]) -> None:
    """Store behind a savepoint. If PostgreSQL refuses a row, store each half by itself; the refused row is skipped."""
    if not changes:
        return
    try:
        with casino_atomic():
            restrict(changes)
    except DatabaseError as error:
        if classify(error) is not DatabaseErrorKind.BAD_ROW:
            raise
        if len(changes) == 1:
            logger.warning(
                "%s: PostgreSQL refused a restriction of a parked message: %s", topic.name, first_line(error)
            )
            return
        middle = len(changes) // 2
        _restrict(topic, restrict, changes[:middle])
        _restrict(topic, restrict, changes[middle:])

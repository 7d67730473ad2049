"""What a casino's parked messages close or restrict, stored before their turn."""

import logging
from collections.abc import Iterator, Sequence

from django.db import DatabaseError, Error

from ingestion.messages.results import DecodedMessage
from ingestion.topics import Topic
from recommendations.validation.changes import Change, change_of
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


def store_restrictions(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage]) -> None:
    """Store what these messages close or restrict, and what they remove, without advancing the ledger: the messages are
    stored in their turn all the same. Raises django.db.Error, with nothing stored."""
    require_up_to_date(casino)
    with use_casino(casino.current):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with casino_atomic():
                    limit_waits()
                    _restrict(topic, [*_restricting(topic, casino, messages)])
                return
            except Error as error:
                if classify(error) is not DatabaseErrorKind.CONFLICT or attempt == _ATTEMPTS:
                    raise


def _restricting(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage]) -> Iterator[Change | Removal]:
    """In the order of the messages."""
    for message in apply_catalogue(topic, casino, split_messages(messages)):
        for row in message.rows:
            if isinstance(row, Removal):
                yield row
            elif isinstance(row, UserRow | EventRow | Change):
                yield from restricting_parts(change_of(row))


def _restrict(topic: Topic, changes: Sequence[Change | Removal]) -> None:
    """Behind a savepoint; if PostgreSQL refuses a row, each half by itself, and the refused row is left out."""
    if not changes or topic.restrict is None:
        return
    try:
        with casino_atomic():
            topic.restrict(changes)
    except DatabaseError as error:
        if classify(error) is not DatabaseErrorKind.BAD_ROW:
            raise
        if len(changes) == 1:
            logger.warning("%s: what a parked message restricts is refused: %s", topic.name, first_line(error))
            return
        middle = len(changes) // 2
        _restrict(topic, changes[:middle])
        _restrict(topic, changes[middle:])

"""Applies the casino's option `catalogue` to its messages: a message with a value that the casino does not offer makes
no row.

Such a message still changes a stored row: it closes and restricts, and the row's new sport or currency withdraws it
from the offer. Without a list in the option, the values in messages are learnt, up to `MAX_LEARNT`.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from ingestion.messages.decoding import Partial, Rejection
from ingestion.messages.reading import DecodedMessage, Unwanted
from ingestion.topics import Topic
from recommendations.models import EventStatus, UserStatus
from recommendations.serving.casino_catalogue import OPEN_CATALOGUE, Catalogue
from recommendations.storing.learnt_values import MAX_LEARNT, Learnt, learn, values_to_learn
from recommendations.validation.changes import Change, EventChange, UserChange, change_of
from recommendations.validation.currencies import smallest_amount
from recommendations.validation.rows import EventRow, UserRow
from tenants.models import Casino

logger = logging.getLogger(__name__)

Row = UserRow | EventRow | Change

_MISSING = (UNSET, "")
_RESTRICTING = (UserStatus.CLOSED, UserStatus.SELF_EXCLUDED, UserStatus.TIME_OUT)
_CLOSING = (EventStatus.SUSPENDED, EventStatus.CANCELLED, EventStatus.SETTLED)


def apply_catalogue(topic: Topic, casino: Casino, messages: Sequence[DecodedMessage]) -> Sequence[DecodedMessage]:
    """The messages, with an Unwanted for a value that the casino does not offer, and a Rejection for a value that it
    can't learn. `casino` is the current casino, in a transaction."""
    catalogue = _catalogue_of(casino)
    checked = [_check(message, catalogue, topic.catalogue_lists) for message in messages]
    return _learn(checked, catalogue, topic.catalogue_lists)


def _catalogue_of(casino: Casino) -> Catalogue:
    """The casino's catalogue. An open one if the option can't be read, such as a later release's: requests don't serve
    such a casino either."""
    stored = getattr(casino, "stored_catalogue", UNSET)
    if stored is UNSET:
        stored = (casino.options or {}).get("catalogue")
    if not stored:
        return OPEN_CATALOGUE
    try:
        return msgspec.convert(stored, Catalogue)
    except msgspec.ValidationError:
        logger.exception("Casino %s: the option catalogue can't be read, so no message is skipped", casino.pk)
        return OPEN_CATALOGUE


def _row_of(message: DecodedMessage) -> Row | None:
    content = message.content
    row = content.change if isinstance(content, Partial) else content
    return row if isinstance(row, UserRow | EventRow | Change) else None


def _check(message: DecodedMessage, catalogue: Catalogue, lists: Mapping[str, str]) -> DecodedMessage:
    row = _row_of(message)
    if row is None:
        return message
    missing = ""
    for field, listed in lists.items():
        value, offered = getattr(row, field), getattr(catalogue, listed)
        if value in _MISSING:
            missing = missing if offered is None else field
        elif offered is not None and value not in offered:
            note = f"{field} is not in the casino's option catalogue.{listed}"
            return DecodedMessage(message.envelope, Unwanted(note, _changes(row)))
        elif field == "currency" and smallest_amount(value, catalogue.currency_decimals) is None:
            return _reject(message, row, "unknown_value", field, _UNKNOWN_CURRENCY)
    if missing and isinstance(row, Change) and not row.makes_row:
        note = f"no such row is stored, and {missing} is missing, so it may be none that the casino offers"
        return DecodedMessage(message.envelope, Unwanted(note, (row,)))
    return message


_UNKNOWN_CURRENCY = (
    "is no currency of ISO 4217: add its number of decimals to the option catalogue.currency_decimals, then replay"
)


def _reject(message: DecodedMessage, row: Row, code: str, field: str, problem: str) -> DecodedMessage:
    rejection = Rejection(code, field, f"{field} {problem}", changes=_withholding(row))
    return DecodedMessage(message.envelope, rejection)


def _learn(
    messages: Sequence[DecodedMessage], catalogue: Catalogue, lists: Mapping[str, str]
) -> Sequence[DecodedMessage]:
    """Learn the values in the messages, and reject the messages with values beyond the limit."""
    values = {each for message in messages for each in _values_to_learn(message)}
    unbounded = ["currency", *(field for field, name in lists.items() if getattr(catalogue, name) is not None)]
    too_many = learn(values, unbounded=unbounded)
    return [_reject_new(message, too_many, lists) for message in messages] if too_many else messages


def _values_to_learn(message: DecodedMessage) -> set[Learnt]:
    row = _row_of(message)
    return set() if row is None else values_to_learn(row)


def _reject_new(message: DecodedMessage, too_many: set[Learnt], lists: Mapping[str, str]) -> DecodedMessage:
    row, new = _row_of(message), _values_to_learn(message) & too_many
    if row is None or not new:
        return message
    [(field, _), *_] = new
    problem = (
        f"is new, and the casino has {MAX_LEARNT} already: list those it offers in the option "
        f"catalogue.{lists[field]}, then replay"
    )
    return _reject(message, row, "too_many_values", field, problem)


def _changes(row: Row) -> tuple[Change, ...]:
    """The row's changes of a stored one. The restrictions of an unknown user wait until the casino offers the user's
    currency. Changes of unknown events do not wait: those of events that are never offered would wait for ever."""
    change = msgspec.structs.replace(change_of(row), makes_row=False, waits=False)
    if isinstance(change, EventChange):
        change.markets = UNSET
        return (change,)
    limits = {name: getattr(change, name) for name in ("stake_limit", "limit_left")}
    restrictions = {name: value for name, value in limits.items() if value is not None and value is not UNSET}
    if change.status in _RESTRICTING:
        restrictions |= {"status": change.status, "status_until": change.status_until}
    if change.personalisation is False:
        restrictions["personalisation"] = False
    if not restrictions:
        return (change,)
    named: dict[str, Any] = {"id": change.id, "natural_key": change.natural_key, "timestamp": change.timestamp}
    return change, UserChange(**named, **restrictions)


def _withholding(row: Row) -> tuple[Change, ...]:
    """The closings and restrictions of the row, and the withholding of a stored one, since the other changes are not
    stored."""
    change, *restricting = _changes(row)
    status = change.status if change.status in _CLOSING else UNSET
    named: dict[str, Any] = {"id": change.id, "natural_key": change.natural_key, "timestamp": change.timestamp}
    if isinstance(change, EventChange):
        return (EventChange(**named, match=change.match, status=status, is_withheld=True, waits=False),)
    return UserChange(**named, currency=change.currency, is_withheld=True, waits=False), *restricting

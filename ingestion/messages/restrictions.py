"""What a rejected message closes or restricts, which is stored all the same: what can't be read counts as closed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from recommendations.models import EventStatus, UserStatus

UNKNOWN_WORD = object()  # a status that is none of the known words

Values = Mapping[str, Any]
_CLOSING = (EventStatus.SETTLED, EventStatus.CANCELLED, EventStatus.SUSPENDED)
_LIMITS = ("stake_limit", "limit_left")
_REACHED = Decimal(0)


@dataclass(slots=True)
class ReadFields:
    """A message's fields: the valid values, as rows have them; those found several times in a damaged message; and the
    names of the unreadable ones. `statuses` may have UNKNOWN_WORD."""

    is_whole: bool
    values: dict[str, Any] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    statuses: list[Any] = field(default_factory=list)
    unknown_word: str = ""


def event_restrictions(read: ReadFields) -> Values:
    """A known event is withheld by each rejected message, and closed by each status but open and live."""
    return {"is_withheld": True} | _status(read.statuses, _CLOSING, EventStatus.SUSPENDED)


def user_restrictions(read: ReadFields) -> Values:
    """A known user is restricted by each status but active, and by each limit. An unreadable limit is reached. Where
    more can't be read that may restrict, the user is withheld."""
    restricting = (UserStatus.CLOSED, UserStatus.SELF_EXCLUDED, UserStatus.TIME_OUT)
    found = _status(read.statuses, restricting, UserStatus.CLOSED)
    if found:
        found["status_until"] = read.values.get("status_until") if len(read.statuses) == 1 else None
    found |= {name: read.values[name] for name in _LIMITS if read.values.get(name) is not None}
    found |= {name: _REACHED for name in _LIMITS if name in read.unreadable}
    is_unclear = "birth_date" in read.unreadable or ("status_until" in read.unreadable and not found.get("status"))
    if is_unclear or not read.is_whole:
        found["is_withheld"] = True
    return found


def _status(statuses: Sequence[Any], restricting: Sequence[str], unknown: str) -> dict[str, Any]:
    """The strictest of these statuses, the first of `restricting`; empty if none restricts."""
    known = [unknown if status is UNKNOWN_WORD else status for status in statuses]
    return next(({"status": status} for status in restricting if status in known), {})

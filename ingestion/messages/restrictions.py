"""Finds the closings and restrictions of a rejected message, which are stored nevertheless. An unreadable value
closes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from recommendations.errors import InvalidRow
from recommendations.models import EventStatus, UserStatus
from recommendations.validation.restricting import HIGHEST_LEGAL_AGE

UNKNOWN_WORD = object()  # a status that is none of the known words

Values = Mapping[str, Any]
_CLOSING = (EventStatus.SETTLED, EventStatus.CANCELLED, EventStatus.SUSPENDED)
_LIMITS = ("stake_limit", "limit_left")
_LIMIT_REACHED = Decimal(0)


@dataclass(slots=True)
class ReadFields:
    """A message's fields: the valid values in the form of rows, the repeated ones of a damaged message, and the names
    of the unreadable ones, with the problem if a reader reports one. `statuses` may have UNKNOWN_WORD."""

    is_whole: bool
    values: dict[str, Any] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    problems: dict[str, InvalidRow] = field(default_factory=dict)
    statuses: list[Any] = field(default_factory=list)
    unknown_word: str = ""

    def refuse(self, name: str, error: Exception) -> None:
        self.unreadable.add(name)
        if isinstance(error, InvalidRow):
            self.problems[name] = error


def event_restrictions(read: ReadFields) -> Values:
    """The restrictions of an event: each rejected message withholds a known event, and each status but open and live
    closes it."""
    return {"is_withheld": True} | _status(read.statuses, _CLOSING, EventStatus.SUSPENDED)


def user_restrictions(read: ReadFields) -> Values:
    """The restrictions of a user: each status but active restricts a known user, and so does each limit. An unreadable
    limit counts as reached, and unreadable consent as none. Another unreadable field that may restrict withholds the
    user."""
    restricting = (UserStatus.CLOSED, UserStatus.SELF_EXCLUDED, UserStatus.TIME_OUT)
    found = _status(read.statuses, restricting, UserStatus.CLOSED)
    if found:
        found["status_until"] = read.values.get("status_until") if len(read.statuses) == 1 else None
    found |= {name: read.values[name] for name in _LIMITS if read.values.get(name) is not None}
    found |= {name: _LIMIT_REACHED for name in _LIMITS if name in read.unreadable}
    if "personalisation" in read.unreadable or read.values.get("personalisation") is False:
        found["personalisation"] = False
    is_unclear = "status_until" in read.unreadable and not found.get("status")
    if is_unclear or not read.is_whole or _may_be_under_age(read):
        found["is_withheld"] = True
    return found


def _may_be_under_age(read: ReadFields) -> bool:
    """Whether the message's age is below some country's betting age, contradictory or unreadable."""
    born, year = read.values.get("birth_date"), read.values.get("birth_year")
    years = {each for each in (born and born.year, year) if each is not None}
    is_young = any(read.values["timestamp"].year - year <= HIGHEST_LEGAL_AGE for year in years)
    return is_young or len(years) > 1 or not read.unreadable.isdisjoint(("birth_date", "birth_year"))


def _status(statuses: Sequence[Any], restricting: Sequence[str], unknown: str) -> dict[str, Any]:
    """The strictest of these statuses, by the order of `restricting`; empty if none restricts."""
    known = [unknown if status is UNKNOWN_WORD else status for status in statuses]
    return next(({"status": status} for status in restricting if status in known), {})

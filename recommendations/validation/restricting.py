"""Extracts the restrictions of a user, or the closing of an event, from a message, to store them before earlier
messages that wait."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from recommendations.models import EventStatus, UserStatus

from .changes import Change, EventChange, UserChange

_CLOSING = frozenset({EventStatus.LIVE, EventStatus.SUSPENDED, EventStatus.CANCELLED, EventStatus.SETTLED})
_RESTRICTING = frozenset({UserStatus.TIME_OUT, UserStatus.SELF_EXCLUDED, UserStatus.CLOSED})
_LIMITS = ("stake_limit", "limit_left")
HIGHEST_LEGAL_AGE = 21  # for betting: 21 years in many states of the USA


def restricting_parts(change: Change) -> list[Change]:
    """Changes of the same row with only its restrictions; empty without any.

    A user who may be too young is withheld as of a moment before the message, so that storing the message ends it.
    """
    restrictions: dict[str, Any] = {"is_withheld": True} if change.is_withheld is True else {}
    if isinstance(change, EventChange):
        restrictions |= {"status": change.status} if change.status in _CLOSING else {}
        return [_part(change, restrictions, match=change.match)] if restrictions else []
    if change.status in _RESTRICTING:
        restrictions |= {"status": change.status, "status_until": change.status_until}
    restrictions |= {name: getattr(change, name) for name in _LIMITS if isinstance(getattr(change, name), Decimal)}
    restrictions |= {"personalisation": False} if change.personalisation is False else {}
    parts = [_part(change, restrictions, former_keys=change.former_keys)] if restrictions else []
    if _may_be_under_age(change):
        parts.append(_part(change, {"is_withheld": True, "timestamp": change.timestamp - timedelta.resolution}))
    return parts


def _part(change: Change, restrictions: dict[str, Any], **named: Any) -> Change:
    fields = {"id": change.id, "natural_key": change.natural_key, "timestamp": change.timestamp, "waits": change.waits}
    return type(change)(**{**fields, **named, **restrictions})


def _may_be_under_age(change: UserChange) -> bool:
    year = change.birth_year
    return isinstance(year, int) and change.timestamp.year - year <= HIGHEST_LEGAL_AGE

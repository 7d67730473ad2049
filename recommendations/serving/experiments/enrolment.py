"""The users who never take part in an experiment: users with any sign of harm by gambling, and users who do not allow
personalisation.

An average over all users would not show an experiment's effect on the few users of the first kind, so no guard of an
experiment could protect them (ADR 35).
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from recommendations.models import UserStatus

CALM = timedelta(days=90)


class EnrolledUser(Protocol):
    """The fields of a user that decide on the participation."""

    @property
    def status(self) -> str: ...
    @property
    def is_withheld(self) -> bool: ...
    @property
    def stake_limit(self) -> Decimal | None: ...
    @property
    def limit_left(self) -> Decimal | None: ...
    @property
    def restricted_until(self) -> datetime | None: ...
    @property
    def personalisation(self) -> bool: ...


def may_enrol(user: EnrolledUser, now: datetime) -> bool:
    """Whether the user allows personalisation, has no limit, is not withheld, and was ACTIVE without interruption in
    the last 90 days."""
    if not user.personalisation:
        return False
    if user.status != UserStatus.ACTIVE or user.is_withheld:
        return False
    if user.stake_limit is not None or user.limit_left is not None:
        return False
    return user.restricted_until is None or user.restricted_until + CALM <= now

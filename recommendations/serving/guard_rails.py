"""The guard rails: who is shown no bets at all, and how much may be suggested to stake."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from django.conf import settings

from recommendations.models import UserStatus

from .currencies import round_down, smallest
from .options import Options


class Refusal(StrEnum):
    """Why a user is shown no bets; stable codes."""

    SELF_EXCLUDED = "self_excluded"
    TIME_OUT = "time_out"
    CLOSED = "closed"
    UNDER_AGE = "under_age"
    LIMIT_REACHED = "limit_reached"


class GuardedUser(Protocol):
    """What the guard rails have to know of a user."""

    @property
    def status(self) -> str: ...
    @property
    def status_until(self) -> datetime | None: ...
    @property
    def birth_year(self) -> int: ...
    @property
    def birth_date(self) -> date | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def stake_limit(self) -> Decimal | None: ...
    @property
    def limit_left(self) -> Decimal | None: ...


def refuse(user: GuardedUser, options: Options, now: datetime) -> Refusal | None:
    """Why this user may be shown no bets at `now`; None if bets may be shown."""
    if user.status != UserStatus.ACTIVE and (user.status_until is None or now < user.status_until):
        # a status that this code does not know is one more reason to show nothing
        return Refusal(user.status.lower()) if user.status in UserStatus else Refusal.CLOSED
    if not _is_of_age(user, options.minimum_age, now.date()):
        return Refusal.UNDER_AGE
    is_spent = any(ceiling < smallest(user.currency) for ceiling in _ceilings(user, options))
    return Refusal.LIMIT_REACHED if is_spent else None


def _ceilings(user: GuardedUser, options: Options) -> list[Decimal]:
    """What no stake may be above."""
    ceilings = (options.max_stakes.get(user.currency), user.stake_limit, user.limit_left)
    return [ceiling for ceiling in ceilings if ceiling is not None]


def _is_of_age(user: GuardedUser, minimum: int, today: date) -> bool:
    """Without a birth date, whoever may still have a birthday to come this year counts as not having had it."""
    if user.birth_date is None:
        return today.year - user.birth_year > minimum
    had_birthday = (today.month, today.day) >= (user.birth_date.month, user.birth_date.day)
    return today.year - user.birth_date.year - (not had_birthday) >= minimum


def suggest_stake(user: GuardedUser, usual: Decimal | None, options: Options) -> Decimal:
    """A stake in the user's currency: the usual one, or the casino's default for a user without coupons; never above
    the casino's cap, the user's limit, or what is left of the user's limit. At least the smallest payable amount: who
    may not stake that is refused."""
    wanted = options.default_stakes.get(user.currency, settings.DEFAULT_STAKE) if usual is None else usual
    stake = round_down(min([wanted, *_ceilings(user, options)]), user.currency)
    return max(stake, smallest(user.currency))

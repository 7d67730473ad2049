"""The guard rails of responsible gambling: refused users, the highest stake, and rounding."""

from datetime import date, datetime
from decimal import ROUND_DOWN, Decimal, localcontext
from enum import StrEnum
from typing import Protocol

from django.conf import settings

from recommendations.models import UserStatus

from .options import Options

# The currencies of ISO 4217 without a smaller unit; amounts of all others are rounded to hundredths, as in coupons.
_WITHOUT_HUNDREDTHS = frozenset((
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG",
    "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
))  # fmt: skip
_DIGITS = 200  # the product of twenty odds of a million needs 140
_UNIT, _HUNDREDTH = Decimal(1), Decimal("0.01")


class Refusal(StrEnum):
    """Why a user gets no bets; stable codes."""

    SELF_EXCLUDED = "self_excluded"
    TIME_OUT = "time_out"
    CLOSED = "closed"
    UNDER_AGE = "under_age"
    LIMIT_REACHED = "limit_reached"


class GuardedUser(Protocol):
    """The fields of a user that the guard rails read."""

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
        # an unknown status, of another release, forbids bets too
        return Refusal(user.status.lower()) if user.status in UserStatus else Refusal.CLOSED
    today = now.date()
    if user.birth_date is None:  # counted as born on the last day of the year
        age = today.year - user.birth_year - 1
    else:
        had_birthday = (today.month, today.day) >= (user.birth_date.month, user.birth_date.day)
        age = today.year - user.birth_date.year - (not had_birthday)
    if age < options.minimum_age:
        return Refusal.UNDER_AGE
    smallest = _UNIT if user.currency in _WITHOUT_HUNDREDTHS else _HUNDREDTH
    limits = (options.max_stakes.get(user.currency), user.stake_limit, user.limit_left)
    return Refusal.LIMIT_REACHED if any(limit is not None and limit < smallest for limit in limits) else None


def suggest_stake(user: GuardedUser, usual: Decimal | None, options: Options) -> Decimal:
    """A stake in the user's currency: the usual one, or the casino's default for a user without coupons; limited by the
    casino's cap, the user's limit, and the rest of that limit. At least the smallest payable amount: `refuse` rejects
    users who may not stake that."""
    wanted = options.default_stakes.get(user.currency, settings.DEFAULT_STAKE) if usual is None else usual
    amounts = (wanted, options.max_stakes.get(user.currency), user.stake_limit, user.limit_left)
    stake = round_down(min(amount for amount in amounts if amount is not None), user.currency)
    return max(stake, _UNIT if user.currency in _WITHOUT_HUNDREDTHS else _HUNDREDTH)


def round_down(amount: Decimal, currency: str) -> Decimal:
    """The largest payable amount that is not above `amount`."""
    with localcontext(prec=_DIGITS):
        return amount.quantize(_UNIT if currency in _WITHOUT_HUNDREDTHS else _HUNDREDTH, ROUND_DOWN)

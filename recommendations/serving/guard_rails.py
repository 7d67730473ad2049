"""The guard rails of responsible gambling: refused users, the highest stake, and rounding."""

from datetime import date, datetime
from decimal import ROUND_DOWN, Context, Decimal
from enum import StrEnum
from typing import Protocol

from django.conf import settings

from recommendations.models import UserStatus

from .options import Options

_MANY_DIGITS = Context(prec=200)  # the product of twenty odds of a million needs 140
_NOTHING, _HUNDREDTH = Decimal("0.00"), Decimal("0.01")


class Refusal(StrEnum):
    """Why a user gets no bets; stable codes."""

    SELF_EXCLUDED = "self_excluded"
    TIME_OUT = "time_out"
    CLOSED = "closed"
    UNDER_AGE = "under_age"
    AGE_UNKNOWN = "age_unknown"
    LIMIT_REACHED = "limit_reached"
    CURRENCY_NOT_OFFERED = "currency_not_offered"
    COUNTRY_NOT_OFFERED = "country_not_offered"
    WITHHELD = "withheld"


class GuardedUser(Protocol):
    """The fields of a user that the guard rails read."""

    @property
    def status(self) -> str: ...
    @property
    def status_until(self) -> datetime | None: ...
    @property
    def is_withheld(self) -> bool: ...
    @property
    def birth_year(self) -> int | None: ...
    @property
    def birth_date(self) -> date | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def country(self) -> str: ...
    @property
    def stake_limit(self) -> Decimal | None: ...
    @property
    def limit_left(self) -> Decimal | None: ...


def refuse(user: GuardedUser, options: Options, now: datetime) -> Refusal | None:
    """Why this user may be shown no bets at `now`; None if bets may be shown."""
    if user.status != UserStatus.ACTIVE:
        # an unknown status, of another release, forbids bets too
        forbidden = Refusal(user.status.lower()) if user.status in UserStatus else Refusal.CLOSED
        if forbidden is Refusal.CLOSED or user.status_until is None or now < user.status_until:
            return forbidden
    if user.is_withheld:
        return Refusal.WITHHELD
    if (refusal := _refuse_age(user, now.date(), options)) is not None:
        return refusal
    catalogue, currency = options.catalogue, currency_of(user, options)
    if catalogue.user_countries is not None and user.country not in catalogue.user_countries:
        return Refusal.COUNTRY_NOT_OFFERED
    smallest = catalogue.smallest_amount(currency)
    if smallest is None and (currency or catalogue.currencies is not None):
        return Refusal.CURRENCY_NOT_OFFERED
    limits = (options.max_stakes.get(currency), user.stake_limit, user.limit_left)
    smallest = smallest or _HUNDREDTH  # of a currency that no message told
    return Refusal.LIMIT_REACHED if any(limit is not None and limit < smallest for limit in limits) else None


def currency_of(user: GuardedUser, options: Options) -> str:
    """The user's currency, or else the casino's default; empty if neither was told. Where the catalogue lists
    currencies, none is assumed: the message that told another one may have been skipped."""
    return user.currency or ("" if options.catalogue.currencies is not None else options.default_currency or "")


def _refuse_age(user: GuardedUser, today: date, options: Options) -> Refusal | None:
    """By the age of the birth date, or of the birth year if that makes the user younger: then, as without a date, the
    user counts as born on the last day of the year."""
    born, year = user.birth_date, user.birth_year
    if born is not None and (year is None or born.year >= year):
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    elif year is not None:
        age = today.year - year - 1
    else:
        return None if options.allow_unknown_age else Refusal.AGE_UNKNOWN
    return Refusal.UNDER_AGE if age < options.minimum_age else None


def suggest_stake(user: GuardedUser, usual: Decimal | None, options: Options) -> Decimal:
    """A stake in the user's currency: the usual one, or the casino's default for a user without coupons; limited by the
    casino's cap, the user's limit, and the rest of that limit. At least the smallest payable amount: `refuse` rejects
    users who may not stake that, and those of other currencies than the casino's. 0, no suggestion, without a currency:
    10 of which?"""
    currency = currency_of(user, options)
    if (smallest := options.catalogue.smallest_amount(currency)) is None:
        return _NOTHING
    wanted = _default_stake(currency, options) if usual is None else usual
    amounts = (wanted, options.max_stakes.get(currency), user.stake_limit, user.limit_left)
    return max(round_down(min(amount for amount in amounts if amount is not None), smallest), smallest)


def _default_stake(currency: str, options: Options) -> Decimal:
    """In a currency of the casino's own, never the settings' stake for all: it may be a fortune."""
    for stakes in (options.default_stakes, settings.DEFAULT_STAKES):
        if (stake := stakes.get(currency)) is not None:
            return stake
    own = options.catalogue.currency_decimals
    return settings.DEFAULT_STAKE if currency not in own else options.catalogue.smallest_amount(currency) or _NOTHING


def round_down(amount: Decimal, smallest: Decimal | None) -> Decimal:
    """The largest payable amount that is not above `amount`, in a currency with this smallest amount; without one, as
    of a currency that is not offered, nothing."""
    return _NOTHING if smallest is None else amount.quantize(smallest, ROUND_DOWN, _MANY_DIGITS)

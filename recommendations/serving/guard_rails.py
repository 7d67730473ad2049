"""The guard rails of responsible gambling: refusals, the highest stake, and rounding."""

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
    """The reason why a user gets no bets; stable codes."""

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
    """The reason why this user may be shown no bets at `now`; None if bets may be shown."""
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
    smallest = smallest or _HUNDREDTH  # for an unknown currency
    return Refusal.LIMIT_REACHED if any(limit is not None and limit < smallest for limit in limits) else None


def currency_of(user: GuardedUser, options: Options) -> str:
    """The user's currency, else the casino's default; empty without either. If the catalogue lists currencies, there is
    no default: the message with the user's other currency may have been skipped."""
    return user.currency or ("" if options.catalogue.currencies is not None else options.default_currency or "")


def _refuse_age(user: GuardedUser, today: date, options: Options) -> Refusal | None:
    """The refusal by the age of the birth date, or of the birth year if that makes the user younger. With a year only,
    the user counts as born on its last day."""
    born, year = user.birth_date, user.birth_year
    if born is not None and (year is None or born.year >= year):
        age = today.year - born.year - ((today.month, today.day) < (born.month, born.day))
    elif year is not None:
        age = today.year - year - 1
    else:
        return None if options.allow_unknown_age else Refusal.AGE_UNKNOWN
    return Refusal.UNDER_AGE if age < options.minimum_age else None


def suggest_stake(user: GuardedUser, usual: Decimal | None, options: Options) -> Decimal:
    """A stake in the user's currency: the usual one, or the casino's default for a user without coupons, limited by the
    casino's cap, the user's limit, and the rest of that limit. At least the smallest payable amount: `refuse` rejects
    users who may not stake that, and users of other currencies than the casino's. 0, no suggestion, for a user without
    a known currency."""
    currency = currency_of(user, options)
    if (smallest := options.catalogue.smallest_amount(currency)) is None:
        return _NOTHING
    stake = _default_stake(currency, options) if usual is None else usual
    amounts = (stake, options.max_stakes.get(currency), user.stake_limit, user.limit_left)
    return max(round_down(min(amount for amount in amounts if amount is not None), smallest), smallest)


def _default_stake(currency: str, options: Options) -> Decimal:
    """The stake for a user without coupons. A currency of the casino's own never has the settings' `DEFAULT_STAKE`,
    which may be a fortune in it."""
    for stakes in (options.default_stakes, settings.DEFAULT_STAKES):
        if (stake := stakes.get(currency)) is not None:
            return stake
    own = options.catalogue.currency_decimals
    return settings.DEFAULT_STAKE if currency not in own else options.catalogue.smallest_amount(currency) or _NOTHING


def round_down(amount: Decimal, smallest: Decimal | None) -> Decimal:
    """The largest payable amount not above `amount`, for a currency with this smallest amount; 0 without one, for a
    currency that is not offered."""
    return _NOTHING if smallest is None else amount.quantize(smallest, ROUND_DOWN, _MANY_DIGITS)

"""The smallest payable amounts of currencies: of ISO 4217, and of codes that a casino defines itself."""

from collections.abc import Mapping
from decimal import Decimal

import iso4217

MAX_DECIMALS = 8  # of any amount; a bitcoin has eight

_STEPS = tuple(Decimal(1).scaleb(-decimals) for decimals in range(MAX_DECIMALS + 1))
# Codes without minor units, such as gold and the test code, are left out: they are no money for bets.
_ISO_4217 = {each.code: each.exponent for each in iso4217.Currency if each.exponent is not None}
_STEPS_OF_ISO_4217 = {code: _STEPS[decimals] for code, decimals in _ISO_4217.items()}


def decimals_of(currency: str) -> int | None:
    """The number of decimals of a currency of ISO 4217; None for any other code."""
    return _ISO_4217.get(currency)


def shown_amount(amount: Decimal, currency: str) -> str:
    """The amount with thousands separators, and with at least the currency's decimals, if known."""
    least = decimals_of(currency or "EUR") or 0
    *_, exponent = amount.normalize().as_tuple()
    return f"{amount:,.{max(least, -exponent if isinstance(exponent, int) else 0)}f}"


def smallest_amount(currency: str, own_decimals: Mapping[str, int]) -> Decimal | None:
    """The currency's smallest payable amount; None if neither ISO 4217 nor the casino defines the currency."""
    step = _STEPS_OF_ISO_4217.get(currency)
    if step is None and (decimals := own_decimals.get(currency)) is not None:
        step = _STEPS[decimals]
    return step

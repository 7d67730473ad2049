"""How amounts of a currency are rounded."""

from decimal import ROUND_DOWN, Decimal, localcontext

# ISO 4217's currencies without a smaller unit; all others are dealt with in hundredths, as coupons are.
_WHOLE = frozenset(
    (
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    )
)
_DIGITS = 200  # twenty odds of a million, multiplied, have some
_UNIT, _HUNDREDTH = Decimal(1), Decimal("0.01")


def smallest(currency: str) -> Decimal:
    """The smallest payable amount."""
    return _UNIT if currency in _WHOLE else _HUNDREDTH


def round_down(amount: Decimal, currency: str) -> Decimal:
    """The largest payable amount that is not above `amount`."""
    with localcontext(prec=_DIGITS):
        return amount.quantize(smallest(currency), ROUND_DOWN)

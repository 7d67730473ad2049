"""The currencies' smallest payable amounts, and how amounts are shown."""

from decimal import Decimal

import pytest

from recommendations.validation.currencies import decimals_of, shown_amount, smallest_amount


@pytest.mark.parametrize(
    ("currency", "smallest"),
    [("EUR", "0.01"), ("JPY", "1"), ("KWD", "0.001"), ("CLF", "0.0001"), ("BTC", "0.00000001"), ("PTS", "1")],
)
def test_each_currency_has_its_smallest_amount(currency, smallest):
    assert smallest_amount(currency, {"BTC": 8, "PTS": 0}) == Decimal(smallest)


@pytest.mark.parametrize("code", ["BTC", "XAU", "XXX", "XTS", "", "eur", "EURO"])
def test_a_code_that_is_no_money_of_iso_4217_has_no_known_decimals(code):
    assert decimals_of(code) is None
    assert smallest_amount(code, {}) is None


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("1234.50", "EUR", "1,234.50"), ("100.00", "JPY", "100"), ("1.50", "KWD", "1.500"), ("0", "EUR", "0.00"),
        ("2.555", "EUR", "2.555"), ("0.00012345", "BTC", "0.00012345"), ("0E-8", "BTC", "0"), ("1E+3", "JPY", "1,000"),
        ("7.50", "", "7.50"), ("7.50", "BTC", "7.5"), ("0.00000001", "", "0.00000001"),
    ],
)  # fmt: skip
def test_an_amount_is_shown_with_its_currencys_decimals_and_never_rounded(amount, currency, shown):
    assert shown_amount(Decimal(amount), currency) == shown

"""Odds in other formats than decimal are converted exactly, and rounded down."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.errors import InvalidRow
from recommendations.validation.odds import OddFormat, parse_format, read_odd


def read(value, odd_format):
    given_bytes = value if isinstance(value, bytes) else msgspec.json.encode(value)
    return read_odd("odd", given_bytes, OddFormat(odd_format))


@pytest.mark.parametrize(
    ("odd_format", "given_odd", "decimal"),
    [
        ("decimal", 2.5, "2.5"),
        ("decimal", "2.50", "2.50"),
        ("fractional", "5/2", "3.500"),
        ("fractional", "1/3", "1.333"),
        ("fractional", "2/3", "1.666"),
        ("fractional", "100/30", "4.333"),
        ("fractional", "EVS", "2.000"),
        ("fractional", "evens", "2.000"),
        ("fractional", " 1/1 ", "2.000"),
        ("fractional", "0/1", "1.000"),
        ("american", "+150", "2.500"),
        ("american", 150, "2.500"),
        ("american", "150", "2.500"),
        ("american", -110, "1.909"),
        ("american", "-110", "1.909"),
        ("american", "\u2212110", "1.909"),
        ("american", "-105.5", "1.947"),
        ("american", -150, "1.666"),
        ("american", 100, "2.000"),
        ("american", -100, "2.000"),
        ("american", "EVEN", "2.000"),
        ("american", 0, "1.000"),
        ("hongkong", 1.5, "2.500"),
        ("hongkong", "0.8333", "1.833"),
        ("hongkong", 0, "1.000"),
        ("malay", 0.5, "1.500"),
        ("malay", "-0.80", "2.250"),
        ("malay", -0.3, "4.333"),
        ("malay", 1, "2.000"),
        ("indonesian", 1.5, "2.500"),
        ("indonesian", "-1.5", "1.666"),
        ("indonesian", -2, "1.500"),
    ],
)
def test_an_odd_is_converted_exactly_and_rounded_down(odd_format, given_odd, decimal):
    assert read(given_odd, odd_format) == Decimal(decimal)


@pytest.mark.parametrize(
    ("odd_format", "given_odd"),
    [
        ("decimal", "+150"),
        ("decimal", "5/2"),
        ("decimal", "EVS"),
        ("fractional", 2.5),
        ("fractional", "2.5"),
        ("fractional", "5/0"),
        ("fractional", "-5/2"),
        ("fractional", "5 / 2"),
        ("fractional", "٥/٢"),
        ("fractional", "SP"),
        ("fractional", "1/" + "9" * 5_000),
        ("american", "99"),
        ("american", -99.9),
        ("american", "1e3"),
        ("american", "+"),
        ("american", b"1e400"),
        ("american", "EVS/1"),
        ("hongkong", -0.5),
        ("hongkong", "5/2"),
        ("malay", 1.01),
        ("malay", "-1.01"),
        ("indonesian", 0.99),
        ("indonesian", "-0.5"),
        ("american", True),
        ("american", []),
        ("american", {"odd": 150}),
        ("american", b"null"),
        ("american", ""),
    ],
)
def test_what_is_no_odd_of_its_format_is_refused_by_name(odd_format, given_odd):
    with pytest.raises(InvalidRow) as refused:
        read(given_odd, odd_format)
    assert (refused.value.code, refused.value.field) == ("wrong_type", "odd")


@given(st.integers(0, 999_999_999), st.integers(1, 999_999_999))
def test_a_converted_odd_is_never_better_than_the_sent_one_and_loses_less_than_a_thousandth(won, staked):
    odd = Fraction(read(f"{won}/{staked}", "fractional"))
    assert 0 <= 1 + Fraction(won, staked) - odd < Fraction(1, 1_000)


@pytest.mark.parametrize("name", ["american", "American", " AMERICAN "])
def test_a_format_is_named_in_any_case(name):
    assert parse_format(name) is OddFormat.AMERICAN


@pytest.mark.parametrize("name", ["", "us", "moneyline", "decimal,american", "x" * 10_000])
def test_an_unknown_format_is_refused_with_the_known_ones(name):
    with pytest.raises(InvalidRow, match="decimal, fractional, american, hongkong, malay, indonesian") as refused:
        parse_format(name)
    assert (refused.value.code, refused.value.field) == ("unknown_value", "odd_format")

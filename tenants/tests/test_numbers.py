"""Numbers in text have one form, wherever they come from."""

import re
from argparse import ArgumentTypeError
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.ids import MAX_ID
from tenants.numbers import (
    as_count,
    as_decimal,
    as_id,
    as_positive,
    as_signed_decimal,
    counted,
    parse_decimal,
    parse_id,
    parse_whole_number,
)

pytestmark = pytest.mark.covered

NO_NUMBERS = ["", " ", "x", "1_0", "+1", " 1", "1 ", "1\n", "01", "00", "-", "-0", "--1", "1e3", "1E3", "0x1", "\u0663",
              "\uff13", "²", "1,5", "NaN", "Infinity", "inf", "9" * 5_000]  # fmt: skip


@pytest.mark.parametrize("text", [*NO_NUMBERS, "1.0", "1.000"])
def test_text_in_another_form_is_no_whole_number(text):
    assert parse_whole_number(text) is None
    assert parse_id(text) is None


NO_DECIMALS = [".5", "5.", "1.5.2", "1_0.5", "+150", "1.5e1", "1.\u0663", "02.50", "-.5"]


@pytest.mark.parametrize("text", [*(each for each in NO_NUMBERS if each != "-0"), *NO_DECIMALS])
def test_text_in_another_form_is_no_decimal(text):
    assert parse_decimal(text) is None


@given(st.integers(-(10**30), 10**30))
def test_every_whole_number_is_read_as_python_writes_it(number):
    assert parse_whole_number(str(number)) == parse_decimal(str(number)) == number


@given(st.decimals(-(10**12), 10**12, places=3))
def test_every_decimal_is_read_as_it_is_written(number):
    assert parse_decimal(f"{number:f}") == number


@given(st.text())
def test_what_is_read_is_written_the_same_way(text):
    number = parse_whole_number(text)
    assert number is None or str(number) == text


def test_trailing_zeros_are_part_of_a_decimal():
    assert parse_decimal("2.50") == Decimal("2.50")


@pytest.mark.parametrize(("text", "number"), [("1", 1), (str(MAX_ID), MAX_ID), (str(MAX_ID + 1), None), ("0", None)])
def test_ids_have_bounds(text, number):
    assert parse_id(text) == number


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (as_id, "1_0"),
        (as_count, "+1"),
        (as_count, "-1"),
        (as_positive, "0"),
        (as_positive, "\u0663"),
        (as_decimal, "1e3"),
        (as_decimal, "nan"),
        (as_decimal, "-5"),
    ],
)
def test_an_argument_in_another_form_is_refused_with_its_text(read, text):
    with pytest.raises(ArgumentTypeError, match=f"^'{re.escape(text)}' is not a"):
        read(text)


def test_arguments_are_read():
    assert (as_id("7"), as_positive("7"), as_count("0")) == (7, 7, 0)
    assert (as_decimal("0"), as_decimal("0.5"), as_signed_decimal("-0.5")) == (0, 0.5, -0.5)


def test_a_number_has_its_noun_in_singular_or_plural():
    texts = [counted(count, "dead letter") for count in (0, 1, 2, 1_234)]
    assert texts == ["0 dead letters", "1 dead letter", "2 dead letters", "1,234 dead letters"]
    assert counted(2, "entry", "entries") == "2 entries"

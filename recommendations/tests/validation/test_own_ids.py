"""The casino's own ids: which texts and numbers are the same id, and which are none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.errors import InvalidRow
from recommendations.validation.own_ids import MAX_OWN_ID, own_id, parse_own_id

pytestmark = [pytest.mark.slow, pytest.mark.covered]


def code(value):
    with pytest.raises(InvalidRow) as error:
        own_id("id", value)
    assert error.value.field == "id"
    return error.value.code


@pytest.mark.parametrize("value", [31, "31", 31.0, "\u200b31"])
def test_digits_are_the_same_id_in_any_type(value):
    assert own_id("id", value) == 31
    assert isinstance(own_id("id", value), int)


@pytest.mark.parametrize(
    "text",
    [
        *("sr:match:123", "550e8400-e29b-41d4-a716-446655440000", "deadbeef", "a/b?c=d&e#f%20", "Zoë Ω 日本", "😀"),
        *("007", "0", "-5", "1.5", "1e3", "٣", "３１", "a  b", "x" * 128, str(MAX_OWN_ID + 1), "9" * 128, "null", "'"),
    ],
)
def test_any_other_printable_text_is_an_id_of_its_own(text):
    assert own_id("id", text) == parse_own_id(text) == text


def test_the_highest_number_is_half_of_a_bigint_and_beyond_digits_are_text():
    assert own_id("id", str(MAX_OWN_ID)) == MAX_OWN_ID
    assert own_id("id", MAX_OWN_ID + 1) == own_id("id", str(MAX_OWN_ID + 1)) == str(MAX_OWN_ID + 1)


def test_case_tells_ids_apart_and_the_form_of_unicode_does_not():
    assert own_id("id", "Ab") != own_id("id", "aB")
    assert own_id("id", "Zoe\u0308") == own_id("id", "Zo\u00eb")
    assert own_id("id", "sr\u200b:\ufeff1") == "sr:1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((value, "missing") for value in ("", "\u200b", "\ufeff\u00ad")),
        ("x" * 129, "too_long"),
        *((value, "bad_text") for value in (" 31", "31 ", "\t1", "a\u0000b", "a\nb", "a\u00a0b", "\ue000")),
        *((value, "wrong_type") for value in (31.5, 1e300, float("inf"), float("nan"), 2.0**53, "31.0", "+31", "1.00")),
        *((value, "out_of_range") for value in (0, -5, 0.0, -1.0, 10**128)),
    ],
)
def test_what_is_no_id_is_refused_by_its_field(value, expected):
    assert code(value) == expected


def test_half_a_surrogate_pair_is_refused():
    assert code("a\ud800") == "bad_text"


def test_a_number_of_more_digits_than_python_writes_is_refused():
    assert code(10**5_000) == "out_of_range"


@given(st.text() | st.integers().map(str) | st.floats().map(str))
def test_an_id_stays_the_same_when_it_is_read_again(text):
    own = parse_own_id(text)
    if own is not None:
        assert parse_own_id(str(own)) == own == own_id("id", json.loads(json.dumps(own)))

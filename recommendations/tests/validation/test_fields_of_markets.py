"""The texts of markets have one form each."""

import pytest
from msgspec import UNSET

from recommendations.errors import InvalidRow
from recommendations.validation.fields import line_text, market_text, named_outcome


@pytest.mark.parametrize(
    ("line", "stored"),
    [
        (2.5, "2.5"), ("2.50", "2.5"), (2, "2"), (2.0, "2"), ("+1.5", "1.5"), (-0.75, "-0.75"), ("-0", "0"), (0, "0"),
        ("100", "100"), (None, ""), ("", ""), (" ", ""), ("2.5/3", "2.5/3"), ("set 1", "SET 1"), (0.1, "0.1"),
    ],
)  # fmt: skip
def test_a_line_has_one_form(line, stored):
    assert line_text("line", line) == stored


def test_a_market_or_outcome_may_be_a_number():
    assert [market_text("market", each) for each in (18, 18.0, "18", " totals ")] == ["18", "18", "18", "TOTALS"]


@pytest.mark.parametrize(
    ("named", "code"),
    [((None, 2.5, None), "inconsistent"), ((None, None, "OVER"), "inconsistent"), (("X" * 101, None, None), "too_long"),
     (("X", "\x00", None), "bad_text")],
)  # fmt: skip
def test_what_names_no_outcome_is_refused(named, code):
    with pytest.raises(InvalidRow) as caught:
        named_outcome(*named)
    assert caught.value.code == code


def test_what_is_left_out_stays_unset():
    assert named_outcome(None, "", None) == (UNSET, UNSET, UNSET)
    assert named_outcome("totals", 2.50, "over") == ("TOTALS", "2.5", "OVER")
    assert named_outcome("1x2", "", "home") == ("1X2", UNSET, "HOME")

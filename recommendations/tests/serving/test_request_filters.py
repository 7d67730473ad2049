"""The optional filters of a request."""

import pytest

from recommendations.errors import InvalidParameter
from recommendations.serving.request_filters import NO_FILTERS, RequestFilters, parse_filters


def test_no_parameters_are_no_filters():
    assert parse_filters({}) == parse_filters({"limit": None, "shoe_size": 43}) == NO_FILTERS


@pytest.mark.parametrize(
    "given",
    [
        {"limit": "5", "exclude": "7, 8,", "sport": "football,HANDBALL", "explain": "1"},
        {"limit": 5, "exclude": [7, "8"], "sport": ["FOOTBALL", "handball"], "explain": True},
        {"limit": 5, "exclude": "7,8", "sport": "\ufeffFootball, ｈａｎｄball\u200b", "explain": 1},
    ],
)
def test_parameters_may_be_text_or_json(given):
    assert parse_filters(given) == RequestFilters(
        5, frozenset({7, 8}), frozenset({"FOOTBALL", "HANDBALL"}), explain=True
    )


def test_bounds_of_odds_and_markets_may_be_text_or_json():
    given = {"min_odd": "1.5", "max_odd": "4", "market": "1x2, totals"}
    expected = RequestFilters(min_odd=1.5, max_odd=4.0, markets=frozenset({"1X2", "TOTALS"}))
    assert (
        parse_filters(given) == parse_filters({"min_odd": 1.5, "max_odd": 4, "market": ["1X2", "Totals"]}) == expected
    )


@pytest.mark.parametrize("name", ["home", "Betslip/top", "page_2:row.3-left", "x" * 40, "7"])
def test_a_placement_stays_as_it_was_sent(name):
    assert parse_filters({"placement": name}) == RequestFilters(placement=name)


def test_the_lowest_odd_is_not_above_the_highest():
    assert parse_filters({"min_odd": 2, "max_odd": 2}).max_odd == 2.0
    with pytest.raises(InvalidParameter, match="min_odd must not be above max_odd"):
        parse_filters({"min_odd": 3, "max_odd": 2})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"), ("limit", "21"), ("limit", "-1"), ("limit", "1.5"), ("limit", "x"), ("limit", True),
        ("limit", "٣"), ("limit", "9" * 5_000), ("limit", {}), ("limit", ""),
        ("exclude", "x\t2"), ("exclude", [0]), ("exclude", "1.0"), ("exclude", [1.5]), ("exclude", [None]),
        ("exclude", list(range(1, 202))), ("exclude", {"event_id": 7}), ("exclude", True), ("exclude", -5),
        ("exclude", "x" * 129), ("sport", "x" * 51), ("sport", ""), ("sport", [1]), ("sport", ["a\x00b"]),
        ("sport", {"name": "FOOTBALL"}), ("sport", 1), ("market", True),
        ("min_odd", "0.9"), ("min_odd", "x"), ("min_odd", "NaN"), ("min_odd", True), ("min_odd", [2]),
        ("max_odd", "1000000"), ("max_odd", "-1"), ("max_odd", ""), ("max_odd", "1e3"),
        ("market", ""), ("market", "x" * 101), ("market", [1]), ("market", ["A"] * 101),
        ("explain", "maybe"), ("explain", []),
        ("placement", ""), ("placement", "two words"), ("placement", "x" * 41), ("placement", "größe"),
        ("placement", ["home"]), ("placement", "home\n"),
    ],
)  # fmt: skip
def test_an_invalid_parameter_is_rejected_by_name(name, value):
    with pytest.raises(InvalidParameter, match=name):
        parse_filters({name: value})


def test_a_sport_of_a_million_marks_is_refused_at_once():
    with pytest.raises(InvalidParameter, match="sport"):
        parse_filters({"sport": ["a" + "\u0301\u0316" * 500_000]})

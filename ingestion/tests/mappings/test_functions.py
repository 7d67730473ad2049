"""The result of each function for a value, and the values that it can't read."""

from typing import Any

import pytest

from ingestion.mappings.functions import FUNCTIONS
from ingestion.tests.mappings.mapping_of import field_of, problems_of

UNREADABLE = "league: the value "
SEVERAL = "is one of 2 found: choose with first, lowest, join or a narrower path"


CHANGES: list[tuple[str, Any, Any]] = [
    ("trim", "  La Liga ", "La Liga"),
    ("lower", "LA Liga", "la liga"),
    ("upper", "la liga", "LA LIGA"),
    ("text", 7, "7"),
    ("text", 2.5, "2.5"),
    ("text", True, "true"),
    ("text", {"a": 1}, UNREADABLE + "is an object, not text"),
    ("prefix: 'sr:'", 7, "sr:7"),
    ("suffix: ' FC'", "Ajax", "Ajax FC"),
    ("split: {at: ':', take: -1}", "sr:match:7", "7"),
    ("split: {at: ' - ', take: 0}", "Ajax - PSV", "Ajax"),
    ("split: {at: ':', take: 3}", "sr:match:7", UNREADABLE + "has 3 parts between ':', and no part 3"),
    ("replace: {find: _, with: ' '}", "la_liga_2", "la liga 2"),
    ("words: {Soccer: FOOTBALL}", "SOCCER", "FOOTBALL"),
    ("words: {Soccer: FOOTBALL}", "Tennis", "Tennis"),
    ("words: {Soccer: FOOTBALL, '*': OTHER}", "Tennis", "OTHER"),
    ("words: {none: null}", "None", None),
    ("words: {'true': settled}", True, "settled"),
    ("words: {5: five}", 5, "five"),
    ("only_words: {M: MALE}", "m", "MALE"),
    ("only_words: {M: MALE}", "x", UNREADABLE + "is none of the words of only_words"),
    ("only_words: {M: MALE}", [{}], UNREADABLE + "is an object, not text"),
    ("codes: {'1': open, '-1': suspended}", "-1", "suspended"),
    ("codes: {'1': open, '-1': suspended}", 1, "open"),
    ("codes: {'1': open, A: null}", "A", None),
    ("codes: {'1': open, '-1': suspended}", "- 1", UNREADABLE + "is none of the codes of codes"),
    ("codes: {a: open}", "A", UNREADABLE + "is none of the codes of codes"),
    ("starting_with: ['total=', 'hcp=']", ["player=7", "total=2.5"], "2.5"),
    ("starting_with: 'total='", "player=7", None),
    ("starting_with: 'total='", ["total=1", "total=2"], UNREADABLE + SEVERAL),
    ("not_starting_with: ['total=', 'hcp=']", ["player=7", "total=2.5", "hcp=1"], "player=7"),
    ("not_starting_with: 'total='", "total=2.5", None),
    ("before_number", " Over  2.5 ", "Over"),
    ("before_number", "Home/Draw", "Home/Draw"),
    ("before_number", "more 7", "more"),
    ("before_number", "2.5", "2.5"),
    ("before_number", "Over 2,5", "Over 2,5"),
    ("number_at_end", "Away +0", 0),
    ("number_at_end", "Home -1.5", -1.5),
    ("number_at_end", "Home +-1.5", None),
    ("number_at_end", "2.5", None),
    ("number_at_end", "Over", None),
    ("number_at_end", "Over " + "9" * 40, None),
    ("negate", "1.5", -1.5),
    ("negate", -0.25, 0.25),
    ("negate", "0", 0),
    ("negate", "home", UNREADABLE + "is no number such as 2.50"),
    ("number: {decimal: ',', thousands: .}", "1.234,50", "1234.50"),
    ("number: {decimal: ','}", "2,5", "2.5"),
    ("number: {decimal: ','}", "2.5.1", UNREADABLE + "is no number such as 2.50"),
    ("divide: 100", 2551, 25.51),
    ("divide: 100", "2551", 25.51),
    ("divide: 100", True, UNREADABLE + "is no number such as 2.50"),
    ("whole_number", "1985", 1985),
    ("whole_number", " 1985 ", 1985),
    ("whole_number", 1985.0, 1985),
    ("whole_number", "1985.5", UNREADABLE + "is no whole number"),
    ("whole_number", "85er", UNREADABLE + "is no number such as 2.50"),
    ("whole_number", "", UNREADABLE + "is no number such as 2.50"),
    ("whole_number", True, UNREADABLE + "is no number such as 2.50"),
    ("whole_number", "9" * 40, UNREADABLE + "is a number outside of all bounds"),
    ("multiply: 1000", 1.5, 1500),
    ("multiply: 1000", 1e300, UNREADABLE + "is a number outside of all bounds"),
    ("unscaled: 2", "CfI=", 25.46),
    ("unscaled: 2", "/w==", -0.01),
    ("unscaled: 2", "2.50", UNREADABLE + "is no base64"),
    ("unscaled: 0", "", UNREADABLE + "is no integer of 1 to 20 bytes"),
    ("join: ' '", ["a", 1], "a 1"),
    ("first", ["a", "b"], "a"),
    ("last", [None, "b", None], "b"),
    ("lowest", [3, "2.5", 4], 2.5),
    ("highest", [3, "2.5", 4], 4),
    ("lowest", [3, "off"], UNREADABLE + "is no number such as 2.50"),
    ("sort", ["a"], "a"),
    ("sort", ["a", "b"], UNREADABLE + SEVERAL),
    ("sort", ["a", {}], UNREADABLE + "is an object, not text"),
    ("list", ["a", "b"], ["a", "b"]),
    ("list", ["a", {}], UNREADABLE + "has an object in its list"),
    ("first", [None], UNREADABLE + "is null"),
    ("lower", ["A", "B"], UNREADABLE + SEVERAL),
    ("upper", "x" * 10_001, UNREADABLE + "has more than 10000 characters"),
]


@pytest.mark.parametrize(("function", "value", "result"), CHANGES)
def test_a_function_changes_a_value_or_says_why_it_can_not(function, value, result):
    rule = f"{{from: x, then: [{function}]}}" if ": " not in function else f"{{from: x, then: [{{{function}}}]}}"
    found = field_of(rule, {"x": value})
    assert found == (pytest.approx(result) if isinstance(result, float) else result)


TIMES: list[tuple[str, Any, str]] = [
    ("time: {format: '%d/%m/%Y %H:%M', zone: Europe/London}", "01/07/2050 15:00", "2050-07-01T15:00:00+01:00"),
    ("time: {format: ['%Y%m%d', '%d.%m.%Y'], zone: UTC}", "01.07.2050", "2050-07-01T00:00:00+00:00"),
    ("time: {format: '%d/%m/%Y %z'}", "01/07/2050 +0200", "2050-07-01T00:00:00+02:00"),
    ("time: {zone: Europe/Berlin}", "2025-06-01T12:00:00.1", "2025-06-01T12:00:00.100000+02:00"),
    ("time: {zone: Europe/Berlin}", "2025-06-01T12:00:00Z", "2025-06-01T12:00:00+00:00"),
    ("time: {unit: microseconds}", 1_797_778_800_000_000, "2026-12-20T15:00:00+00:00"),
    ("time: {unit: nanoseconds}", "1797778800000000000", "2026-12-20T15:00:00+00:00"),
    ("time: {unit: days}", 20807, "2026-12-20T00:00:00+00:00"),
    ("time: {unit: microseconds}", "2026-12-20T15:00:00Z", "2026-12-20T15:00:00+00:00"),
    ("date: {unit: days}", 5538, "1985-03-01"),
    ("date: {unit: days}", -25567, "1900-01-01"),
    ("date: {unit: days}", "1985-03-01", "1985-03-01"),
    ("date: {format: '%d.%m.%Y'}", "01.03.1985", "1985-03-01"),
]


@pytest.mark.parametrize(("function", "value", "result"), TIMES)
def test_times_and_dates_of_other_forms_are_read(function, value, result):
    assert field_of(f"{{from: x, then: [{{{function}}}]}}", {"x": value}) == result


@pytest.mark.parametrize(
    ("function", "value", "problem"),
    [
        ("time: {format: '%d/%m/%Y', zone: UTC}", "2050-07-01", "is not in the format %d/%m/%Y"),
        ("time: {format: '%d/%m/%Y %H:%M', zone: Europe/London}", "28/03/2027 01:30", "is an hour that"),
        ("time: {zone: UTC}", "soon", "is no ISO 8601 time"),
        ("time: {zone: Asia/Tokyo}", "0001-01-01T00:00:00", "is no time between the years 1 and 9999"),
        ("time: {format: '%Y', zone: Asia/Tokyo}", "0001", "is no time between the years 1 and 9999"),
        ("time: {zone: America/New_York}", "9999-12-31T23:00:00", "is no time between the years 1 and 9999"),
        ("time: {unit: days}", 10**15, "is no time between"),
        ("time: {unit: seconds}", "soon", "can't be read: must be a time"),
        ("time: {unit: seconds}", {}, "is no number"),
        ("date: {unit: days}", "soon", "can't be read: must be a date"),
        ("date: {format: '%d.%m.%Y'}", "31.02.1985", "is not in the format"),
    ],
)  # fmt: skip
def test_what_is_no_time_can_not_be_read(function, value, problem):
    found = field_of(f"{{from: x, then: [{{{function}}}]}}", {"x": value})
    assert found.startswith(f"league: the value {problem}")


def test_an_hour_that_a_clock_change_repeats_is_its_first():
    rule = "{from: x, then: [{time: {format: '%d/%m/%Y %H:%M', zone: Europe/London}}]}"
    assert field_of(rule, {"x": "31/10/2027 01:30"}) == "2027-10-31T01:30:00+01:00"


@pytest.mark.parametrize(
    ("then", "problem"),
    [
        ("lowr", "m.yaml:3:28: then has no 'lowr'; did you mean lower? Allowed: trim, lower,"),
        ("{splitt: 1}", "m.yaml:3:29: then has no 'splitt'; did you mean split?"),
        ("split", "m.yaml:3:28: split needs arguments: `split: {at:"),
        ("{lower: 1}", "m.yaml:3:29: lower takes no arguments"),
        ("{a: 1, b: 2}", "m.yaml:3:28: a function is its name, or one name with its arguments"),
        ("{split: {take: 0}}", "m.yaml:3:36: split needs at (a text)"),
        ("{split: {at: '', take: 0}}", "m.yaml:3:41: at must not be empty"),
        ("{split: {at: x, take: ten}}", "m.yaml:3:50: take must be a number from -10"),
        ("{split: {at: x}}", "m.yaml:3:28: split without take makes several values: take one of them, or go on with"),
        ("list, split: {at: x}", "m.yaml:3:34: split without take makes several values"),
        ("{split: {at: x, tke: 0}}", "m.yaml:3:44: split has no 'tke'; did you mean take? Allowed: at, take"),
        ("{replace: {find: ''}}", "m.yaml:3:38: replace needs find and with"),
        ("{replace: {find: '', with: x}}", "m.yaml:3:45: find must not be empty"),
        ("{words: {}}", "m.yaml:3:36: words is a table"),
        ("{words: {a: [1]}}", "m.yaml:3:40: a word's meaning must be text, a number"),
        ("{words: {NS: a, ns: b}}", "m.yaml:3:44: 'ns' occurs twice"),
        ("{number: {}}", "m.yaml:3:37: number needs decimal"),
        ("{number: {decimal: ',', thousands: ','}}", "m.yaml:3:37: number needs decimal"),
        ("{divide: 0}", "m.yaml:3:37: divide needs a number above 0"),
        ("{multiply: x}", "m.yaml:3:39: multiply needs a number above 0"),
        ("{unscaled: -1}", "m.yaml:3:39: unscaled needs the column's number of decimals"),
        ("{prefix: [1]}", "m.yaml:3:37: prefix must be text"),
        ("{join: 5}", "m.yaml:3:35: join must be text"),
        ("{time: {}}", "m.yaml:3:35: time needs a format, a zone or a unit"),
        ("{time: {format: '%H'}}", "m.yaml:3:35: time needs a zone"),
        ("{time: {format: '%Q', zone: UTC}}", "m.yaml:3:44: format has %Q. Allowed: %%, %A"),
        ("{time: {format: x, zone: UTC}}", "m.yaml:3:44: format has no directive"),
        ("{time: {format: '%d %d', zone: UTC}}", "m.yaml:3:44: format has a directive twice"),
        ("{number: {decimal: ',', thousands: '-'}}", "m.yaml:3:37: number: decimal and thousands are no digits"),
        ("{time: {format: [], zone: UTC}}", "m.yaml:3:44: format is one format, or a list of at most 5"),
        ("{time: {zone: Londn}}", "m.yaml:3:42: zone is 'Londn'; use a name of the IANA database"),
        ("{time: {zone: ../../etc/passwd}}", "m.yaml:3:42: zone is"),
        ("{time: {unit: weeks}}", "m.yaml:3:42: unit is 'weeks'; Allowed: days, seconds"),
        ("{time: {unit: days, zone: UTC}}", "m.yaml:3:35: time has either a unit"),
        ("{date: {}}", "m.yaml:3:35: date has a format or a unit"),
    ],
)
def test_a_wrong_function_is_reported_with_its_place(then, problem):
    [found] = problems_of(f"messages: events\nfields:\n  league: {{from: x, then: [{then}]}}")
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("A; B ;;C", ["A", "B", "C"]),
        ("A", ["A"]),
        (["A;B", None, "C"], ["A", "B", "C"]),
        (";", None),
        ("", None),
        (None, UNREADABLE + "is null"),
        ({"a": 1}, UNREADABLE + "is an object, not text"),
        (["x;" * 900, "y;" * 900], UNREADABLE + "is a list of more than 1000"),
    ],
)
def test_a_text_becomes_a_list_of_its_parts(value, result):
    assert field_of("{from: x, then: [{split: {at: ';'}}, list]}", {"x": value}) == result


def test_each_part_goes_through_the_functions_behind_split():
    rule = "{from: x, then: [{split: {at: /}}, lower, {prefix: '-'}, {join: ' '}]}"
    assert field_of(rule, {"x": "A / B"}) == "-a -b"


def test_every_function_is_tested_here():
    assert {function.partition(":")[0] for function, _, _ in [*CHANGES, *TIMES]} == FUNCTIONS.keys()


def test_values_are_sorted_by_their_characters():
    rule = "{from: x, then: [{split: {at: '|'}}, sort, {join: '|'}]}"
    assert field_of(rule, {"x": "total=2.5|player=7|921"}) == "921|player=7|total=2.5"


def test_optional_paths_need_not_have_a_value():
    rule = "{all: [a, b], optional: [c, d], then: {join: '-'}}"
    assert field_of(rule, {"a": 1, "b": 2, "d": 4}) == "1-2-4"
    assert field_of(rule, {"a": 1, "c": 3}) == "league: the value lacks a part: not each path has one"
    assert field_of(rule, {"c": 3}) is None

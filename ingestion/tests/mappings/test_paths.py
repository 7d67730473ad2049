"""Paths find values in documents, and can't cost more than a walk over the document."""

import pytest

from ingestion.mappings.paths import InvalidPath, compile_path

DOCUMENT = {
    "home": "Ajax",
    "a b": {"x": None},
    "odds": [{"name": "PSV", "price": 3}, {"name": "Ajax", "price": 2, "old": {"price": 4}}],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("home", ["Ajax"]),
        ("$.home", ["Ajax"]),
        ("$", [DOCUMENT]),
        ("['a b'].x", [None]),
        ("nothing", []),
        ("home.length", []),
        ("odds[0].name", ["PSV"]),
        ("odds[-1].price", [2]),
        ("odds[2]", []),
        ("odds.name", []),
        ("home[0]", []),
        ("odds[*].price", [3, 2]),
        ("odds[1:].price", [2]),
        ("odds[?@.name==$.home].price", [2]),
        ("odds[?@.name=='PSV' || @.old.price>3].price", [3, 2]),
        ("odds[?@.old].price", [2]),
    ],
)
def test_a_path_finds_its_values(path, found):
    assert compile_path(path).find(DOCUMENT) == found


@pytest.mark.parametrize("document", [None, 1, "text", '{"home": 1}', []])
def test_nothing_is_found_in_other_documents(document):
    assert compile_path("home").find(document) == []
    assert compile_path("odds[*].price").find(document) == []


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("", "has 1 to 200"),
        ("a" * 201, "has 1 to 200"),
        ("a.", "is no JSONPath"),
        ("a[", "is no JSONPath"),
        ("a b", "is no JSONPath"),
        ("a..b", "'..' is not allowed"),
        ("a[0,0]", "several selectors"),
        ("a[?@.x[?@.y]]", "may only have names and indexes"),
        ("a[?@.x == $.b[*].c]", "may only have names and indexes|is no JSONPath"),
        ("a[?match(@.x, '(a+)+$')]", "is no JSONPath"),
    ],
)
def test_a_path_that_may_be_costly_is_refused(path, problem):
    with pytest.raises(InvalidPath, match=problem):
        compile_path(path)


def test_comparing_values_that_are_nested_deeply_finds_nothing():
    deep: list[object] = []
    for _ in range(5_000):
        deep = [deep]
    other: list[object] = []
    for _ in range(5_000):
        other = [other]
    assert compile_path("a[?@.x == $.y]").find({"a": [{"x": deep}], "y": other}) == []

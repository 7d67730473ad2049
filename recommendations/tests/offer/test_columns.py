"""Dictionaries of columns: snapshots share one list of values, of which each sees its own beginning."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recommendations.offer import Dictionary
from recommendations.tests.threads import THREADS


class CountedValue:
    """A value that counts how often it is hashed: as often as a dictionary looks at it."""

    def __init__(self) -> None:
        self.hashed = 0

    def __hash__(self) -> int:
        self.hashed += 1
        return id(self)


def dictionary_of(*values):
    empty: Dictionary[Any] = Dictionary()
    return empty.including(values)


def test_a_new_value_is_added_without_a_look_at_the_others():
    many = [CountedValue() for _ in range(1000)]
    known = dictionary_of(*many)
    hashed = [value.hashed for value in many]
    grown = known.including([CountedValue()])
    assert len(grown.values) == 1001
    assert [value.hashed for value in many] == hashed


def test_a_dictionary_does_not_see_values_that_came_later():
    first = dictionary_of("A", "B")
    second = first.including(["B", "C"])
    assert (list(first.values), list(second.values)) == (["A", "B"], ["A", "B", "C"])
    assert (dict(first.places), dict(second.places)) == ({"A": 0, "B": 1}, {"A": 0, "B": 1, "C": 2})
    assert (first.places.get("C"), first.places.get("C", -1), second.places.get("C", -1)) == (None, -1, 2)
    assert ("C" in first.places, "C" in second.places) == (False, True)
    (known, *unknown), (*both, other) = first.places.find(["B", "C", "D"]), second.places.find(["B", "C", "D"])
    assert (known, both) == (1, [1, 2])
    assert min(unknown) >= len(first.values)
    assert other >= len(second.values)
    assert (list(first.values[1:]), list(second.values[1:]), second.values[-1:]) == (["B"], ["B", "C"], ["C"])
    for read in (lambda: first.places["C"], lambda: first.values[2], lambda: first.values[-1]):
        with pytest.raises(LookupError):
            read()


def test_other_forms_of_a_text_are_found_among_its_own_values_alone():
    first = dictionary_of("CAFE\u0301", "CAF\u00c9", "TEA")
    second = first.including(["\uff23AF\u00c9"])
    for text, places in (("CAF\u00c9", {0, 1}), ("\uff23AF\u00c9", {0, 1}), ("TEA", {2}), ("MILK", set())):
        assert first.places_named(text) == places
    assert second.places_named("CAF\u00c9") == {0, 1, 3}


def test_two_that_grow_from_one_have_one_place_for_each_value():
    base = dictionary_of("A")
    left, right = base.including(["L", "BOTH"]), base.including(["R", "BOTH"])
    assert [left.values[left.places[value]] for value in ("A", "L", "BOTH")] == ["A", "L", "BOTH"]
    assert [right.values[right.places[value]] for value in ("A", "R", "BOTH")] == ["A", "R", "BOTH"]
    assert left.places["BOTH"] == right.places["BOTH"]
    assert list(base.values) == ["A"]


def test_the_longer_of_two_is_known_only_where_one_continues_the_other():
    base = dictionary_of("A")
    longer = base.including(["B"])
    assert base.longer(longer) is longer
    assert longer.longer(base) is longer
    assert base.longer(dictionary_of("A")) is None


def test_threads_that_grow_one_dictionary_at_once_lose_no_value():
    base, start = dictionary_of("A"), threading.Barrier(THREADS)

    def grow(number):
        start.wait()
        grown = base
        for value in range(200):
            grown = grown.including([f"{number % 2} {value}", f"{number} {value}"])
            assert grown.values[grown.places[f"{number} {value}"]] == f"{number} {value}"
        return grown

    with ThreadPoolExecutor(THREADS) as pool:
        dictionaries = list(pool.map(grow, range(THREADS)))
    for grown in dictionaries:
        assert len(set(grown.values)) == len(grown.values)
        assert all(grown.places[value] == place for place, value in enumerate(grown.values))
    assert list(base.values) == ["A"]

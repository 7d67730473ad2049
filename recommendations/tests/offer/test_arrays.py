"""Block-wise arithmetic equals that of whole arrays."""

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.offer.arrays import BLOCK, add_entries, best_first

pytestmark = pytest.mark.slow


@pytest.mark.covered
@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_entries_are_added_to_every_total(size):
    rng = np.random.default_rng(1)
    totals = rng.random(size)
    tables = [(rng.integers(0, length, size).astype(np.int32), rng.random(length)) for length in (1, 3, 2_000)]
    expected = totals + sum(table[codes] for codes, table in tables)
    add_entries(totals, tables)
    assert totals == pytest.approx(expected)


@given(
    values=st.lists(st.floats(), min_size=1, max_size=8),
    size=st.integers(0, 3_000),
    order=st.sampled_from(["up", "down", "any"]),
    share=st.sampled_from([None, 0.0, 0.01, 0.5, 0.9, 1.0]),
)
def test_the_best_come_first_and_nan_last_as_by_one_sort(values, size, order, share):
    rng = np.random.default_rng(size)
    numbers = rng.choice([*values, *range(5)], size).astype(float)
    if order != "any":
        numbers = np.sort(numbers)[:: 1 if order == "up" else -1]
    among = None if share is None else rng.random(size) < share
    places = np.arange(size) if among is None else np.flatnonzero(among)
    assert list(best_first(numbers, among)) == places[np.argsort(-numbers[places], kind="stable")].tolist()


def test_the_first_of_many_distinct_numbers_are_the_largest():
    numbers = np.random.default_rng(1).permutation(100_000).astype(float)
    found = list(islice(best_first(numbers), 5_000))
    assert numbers[found].tolist() == [*range(99_999, 94_999, -1)]

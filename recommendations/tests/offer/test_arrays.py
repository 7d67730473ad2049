"""Block-wise arithmetic equals that of whole arrays."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommendations.offer.arrays import BLOCK, add_entries, kth_largest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_entries_are_added_to_every_total(size):
    rng = np.random.default_rng(1)
    totals = rng.random(size)
    tables = [(rng.integers(0, length, size).astype(np.int32), rng.random(length)) for length in (1, 3, 2_000)]
    expected = totals + sum(table[codes] for codes, table in tables)
    add_entries(totals, tables)
    assert totals == pytest.approx(expected)


@given(
    values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=8),
    size=st.integers(1, 3_000),
    k=st.integers(1, 70),
    order=st.sampled_from(["up", "down", "any"]),
)
def test_the_kth_largest_equals_that_of_sorting(values, size, k, order):
    numbers = np.random.default_rng(size).choice([*values, *range(5)], size).astype(float)
    if order != "any":
        numbers = np.sort(numbers)[:: 1 if order == "up" else -1]
    k = min(k, size)
    assert kth_largest(numbers, k) == np.sort(numbers)[size - k]


def test_the_kth_largest_of_distinct_numbers():
    numbers = np.random.default_rng(1).permutation(100_000).astype(float)
    assert [kth_largest(numbers, k) for k in (1, 32, 64, 99_999, 100_000)] == [99_999, 99_968, 99_936, 1, 0]

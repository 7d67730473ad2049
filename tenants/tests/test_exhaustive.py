"""The samples of `make test`, and all of them in `make test-all`."""

from math import prod

from .exhaustive import IS_EXHAUSTIVE, grid


def test_a_sample_of_a_grid_has_each_value_of_each_axis():
    for axes in (("abcdefghi", "12345"), ("abc", "123", "xy"), ("abcdefghi", "12")):
        assert [set(values) for values in zip(*grid(*axes), strict=True)] == [set(axis) for axis in axes]
        assert not IS_EXHAUSTIVE or len(grid(*axes)) == prod(map(len, axes))

"""The samples of `make test`."""

from .exhaustive import grid


def test_a_sample_of_a_grid_has_each_value_of_each_axis():
    for axes in (("abcdefghi", "12345"), ("abc", "123", "xy"), ("abcdefghi", "12")):
        assert [set(values) for values in zip(*grid(*axes), strict=True)] == [set(axis) for axis in axes]

"""Users are assigned by their ids alone: alike in every process, evenly, and for good."""

import os
import subprocess
import sys
from collections import Counter

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from recommendations.errors import ExperimentConflict
from recommendations.experiments.ranges import Ranges, allocate, size_of
from recommendations.serving.experiments.assignment import LAYER, PARTS, is_in, place_of, variant_at

USERS = range(1, 20_001)
_PRINT = "from recommendations.serving.experiments.assignment import place_of; print(place_of('layer', 1, 'sr:user:1'))"


def test_places_are_the_same_in_every_release():
    places = [place_of(LAYER, 1, user) for user in (1, 2, 31, "sr:user:1", "é")]
    assert places == [5_270, 1_031, 6_438, 5_241, 506]
    assert place_of("a" * 32, 2, 31) == 2_996


def test_another_process_assigns_alike():
    environment = {**os.environ, "PYTHONHASHSEED": "7", "DJANGO_SETTINGS_MODULE": "recsys_project.settings"}
    completed = subprocess.run(
        [sys.executable, "-c", _PRINT],
        capture_output=True,
        text=True,
        check=True,
        cwd=settings.BASE_DIR,
        env=environment,
    )
    assert int(completed.stdout) == place_of(LAYER, 1, "sr:user:1")


def test_places_are_even_and_independent_of_those_of_another_salt():
    pairs = Counter((place_of("one", 1, user) // 1_000, place_of("two", 1, user) // 1_000) for user in USERS)
    expected = len(USERS) / 100
    chi_squared = sum((pairs[row, column] - expected) ** 2 / expected for row in range(10) for column in range(10))
    assert 60 < chi_squared < 149  # 99 degrees of freedom: 0.1 % are below or above


def test_casinos_are_independent():
    same = sum(place_of(LAYER, 1, user) // 1_000 == place_of(LAYER, 2, user) // 1_000 for user in USERS)
    assert 0.09 < same / len(USERS) < 0.11


@given(shares=st.lists(st.integers(1, PARTS), min_size=1, max_size=5), place=st.integers(0, PARTS - 1))
def test_each_place_has_one_variant_and_shares_that_fall_short_are_an_error(shares, place):
    if place >= sum(shares):
        with pytest.raises(ValueError, match="do not cover the place"):
            variant_at(place, shares)
        return
    number = variant_at(place, shares)
    assert sum(shares[:number]) <= place < sum(shares[: number + 1])


@given(
    steps=st.lists(st.tuples(st.integers(1, 4_000), st.booleans()), max_size=8),
    growth=st.integers(0, 4_000),
    from_the_top=st.booleans(),
)
def test_ranges_are_disjoint_and_growth_moves_nobody(steps, growth, from_the_top):
    taken: list[tuple[int, int]] = []
    mine: Ranges = ()
    for number, (parts, is_holdout) in enumerate([*steps, (growth, from_the_top)]):
        room = PARTS - size_of(taken)
        if parts > room:
            with pytest.raises(ExperimentConflict, match=r"lower the traffic, or stop another experiment"):
                allocate(parts, taken, from_the_top=is_holdout)
            continue
        added = allocate(parts, taken, from_the_top=is_holdout)
        assert size_of(added) == parts
        mine = added if number == 0 else mine
        taken += added
    covered = [place for begin, end in taken for place in range(begin, end)]
    assert len(covered) == len(set(covered)) <= PARTS
    assert all(is_in(place, taken) for begin, end in mine for place in (begin, end - 1))


def test_a_holdout_takes_the_top_and_an_experiment_the_bottom():
    holdout = allocate(1_000, [], from_the_top=True)
    assert (holdout, allocate(5_000, holdout, from_the_top=False)) == (((9_000, 10_000),), ((0, 5_000),))
    with pytest.raises(ExperimentConflict, match=r"95.00% of the users are needed, and only 90.00% take part in no"):
        allocate(9_500, holdout, from_the_top=False)

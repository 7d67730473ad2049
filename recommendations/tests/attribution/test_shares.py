"""The confidence interval of a share of users' days."""

import numpy as np
import pytest

from recommendations.attribution.shares import share_interval


def test_the_interval_of_one_day_is_wilsons():
    found = share_interval(10, 100, days=1)
    assert found is not None
    assert (round(found.low, 4), found.share, round(found.high, 4)) == (0.0552, 0.1, 0.1744)


def test_without_cases_there_is_no_share():
    assert share_interval(0, 0, days=0) is None


@pytest.mark.parametrize("loyal", [0.0, 0.5, 1.0])
def test_nineteen_of_twenty_intervals_hold_however_alike_a_users_days_are(loyal):
    rng, days, users, share, misses = np.random.default_rng(5), 7, 300, 0.06, 0
    for _ in range(400):
        once = rng.random((users, 1)) < share
        always = rng.random((users, 1)) < loyal
        bets = np.where(always, once, rng.random((users, days)) < share)
        found = share_interval(int(bets.sum()), users * days, days=days)
        assert found is not None
        misses += not found.low <= share <= found.high
    assert misses <= 0.065 * 400


def test_two_shares_differ_only_where_that_is_more_than_chance():
    few, more, many = (share_interval(hits, 7_000, days=7) for hits in (350, 420, 700))
    assert few is not None
    assert more is not None
    assert many is not None
    assert not few.differs_from(more)
    assert few.differs_from(many)
    assert many.differs_from(few)

"""A short form of `make experiments`."""

import numpy as np
import pytest
from django.conf import settings

from recommendations.experiments.statistics.moments import Moments
from recommendations.experiments.statistics.verdict import WORDS_OF_METRIC, Case, decide
from recommendations.tests.experiments.proof.counting import results_of
from recommendations.tests.experiments.proof.experiments import Setting, ab_test_without_effect
from recommendations.tests.experiments.proof.looking import moments_at
from recommendations.tests.experiments.proof.series import FORETELLS_MORE, all_series
from recommendations.tests.experiments.proof.world import build_world

pytestmark = pytest.mark.covered

RUNS = {
    "A/A, 300 users": 100,
    "A/A, 2,000 users": 100,
    "A/B, +10 %, 15,000 users": 20,
    "interleaved, +10 %, 3,750 users, 45 %": 10,
    "off-policy, 40,000 answers": 20,
}


def test_attribution_praises_what_causes_nothing_and_the_experiment_does_not():
    """The example of the documentation: users bet on the event that they want, shown or not."""
    setting = Setting(10_000, hours_between_looks=24)
    metrics = ("attributed_days", "influence", "bet_days")
    looks = ab_test_without_effect(np.random.default_rng((19, 0)), setting, FORETELLS_MORE)
    verdicts = [
        decide(each, Case("trees", "hybrid", WORDS_OF_METRIC[metric]))
        for metric, each in zip(metrics, looks, strict=True)
    ]
    assert [each.code for each in verdicts] == ["better", "undecided", "undecided"]
    documented = (settings.BASE_DIR / "docs" / "experiments.md").read_text()
    for each in verdicts:
        assert each.sentence.partition("(")[2].partition(")")[0] in documented


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_statistics_hold_what_they_promise(name):
    series = next(each for each in all_series() if each.name == name)
    assert [str(each) for each in results_of(series, RUNS[name]) if not each.holds] == []


def test_sums_of_many_looks_in_one_pass_equal_those_of_each_look():
    rng, users, values_until = np.random.default_rng(19), 300, np.array([50, 200, 671])
    world = build_world(rng, users, 28)
    arms, stakes = rng.integers(0, 2, users), world.bets.stakes
    in_one_pass = moments_at(world, arms, stakes, values_until)
    one_by_one = []
    for until in values_until:
        chosen = (world.bets.hours >= 0) & (world.bets.hours <= until)
        y = np.bincount(world.bets.users[chosen], stakes[chosen], users)
        has_entered = (world.entries >= 0) & (world.entries <= until)
        per_user = (arms, (~world.are_known).astype(np.int64), y, world.sums_before(stakes))
        one_by_one.append(Moments.of_users(*(each[has_entered] for each in per_user)))
    expected = Moments.stacked(one_by_one)
    for name in ("users", "bettors", "y", "yy", "x", "xx", "xy"):
        assert getattr(in_one_pass, name) == pytest.approx(getattr(expected, name)), name

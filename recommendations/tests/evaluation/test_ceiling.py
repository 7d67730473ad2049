"""`python -m benchmarks.quality.ceiling`, in short."""

import numpy as np
import pytest

from benchmarks.quality.ceiling import ranks_by_utility
from recommendations.evaluation.build_report import metrics_of
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.replay.replay import ReplayPlan, replay
from recommendations.simulation.simulate import SimulatedCasino, simulate

pytestmark = pytest.mark.covered

SMALL = SimulatedCasino(seed=5, users=40, coupons=300, days=20, leagues=4)


def test_it_ranks_the_cases_of_an_evaluation_better_than_a_recommender_that_knows_no_preferences():
    replayed = replay(simulate(SMALL), ReplayPlan([RECOMMENDERS["soonest"]], min_prior_coupons=1))
    soonest = np.array([case.ranks[0] for case in replayed.cases if case.user_coupons])
    best = ranks_by_utility(SMALL)
    assert best.shape == soonest.shape
    assert metrics_of(best, [10])["ndcg@10"].mean() > metrics_of(soonest, [10])["ndcg@10"].mean() + 0.05

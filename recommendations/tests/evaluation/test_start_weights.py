"""`python -m benchmarks.quality.start_weights`, in short."""

import numpy as np
import pytest

from benchmarks.quality.start_weights import CASES, PLAIN, main, pool, start_weights, unlearnt
from recommendations.evaluation.evaluate import evaluate, find_recommenders
from recommendations.learning.cases import Case, Cases
from recommendations.learning.model_selection import ndcg
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.hybrid_features.default_weights import DEFAULT_WEIGHTS
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.replay.replay import cases_without_models
from recommendations.simulation.simulate import USER_KINDS, SimulatedCasino, simulate


@pytest.fixture(scope="module")
def history():
    small = SimulatedCasino(seed=5, users=40, coupons=150, days=20, leagues=4, preferences=USER_KINDS["crowd"])
    return simulate(small)


@pytest.fixture(scope="module")
def crowd(history):
    return cases_without_models(history)


def test_cases_are_those_of_a_casino_without_models(crowd):
    """They know sequences of bets, and nothing that is fitted."""
    assert crowd.numbers[:, NAMES.index("bets within 100 bets")].any()
    for name in ("neighbours", "likeness", "mean likeness"):
        assert not crowd.numbers[:, NAMES.index(name)].any(), name


def test_weights_of_a_pool_predict_its_histories_better_than_the_plain_ones(crowd):
    weights = start_weights([crowd, crowd])
    assert ndcg(HybridModel(weights), crowd).mean() > ndcg(HybridModel(PLAIN), crowd).mean()
    assert set(ADDITIVE) >= weights.keys() | DEFAULT_WEIGHTS.keys()
    assert start_weights([]) == pytest.approx(PLAIN)


def test_weights_are_tested_as_those_of_a_casino_without_models(history):
    cases, found = unlearnt(history, {"plain": PLAIN, "default": DEFAULT_WEIGHTS})
    report = evaluate(history, recommenders=find_recommenders(["hybrid"]), min_prior_coupons=1, fit_first=0)
    served = report.slices[0].results[0]
    assert (cases, served.recommender) == (report.cases, "hybrid")
    assert found["default"] == served.metrics["ndcg@10"] != found["plain"]


def test_a_long_history_counts_as_much_as_a_short_one():
    numbers = np.zeros((2, len(NAMES)), dtype=np.float32)
    long, short = (Cases.of([Case(float(n), numbers)] * size, len(NAMES)) for n, size in enumerate((3 * CASES, CASES)))
    assert np.bincount(pool([long, short]).timestamps.astype(int)).tolist() == [CASES, CASES]


@pytest.mark.parametrize("folders", [["made_up/fans"], ["one/own", "two/own"]])
def test_a_history_with_the_name_of_another_is_refused(monkeypatch, capsys, folders):
    monkeypatch.setattr("sys.argv", ["start_weights", "--history", *folders])
    with pytest.raises(SystemExit):
        main()
    assert "several histories have the name" in capsys.readouterr().err

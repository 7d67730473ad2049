"""What is learnt from cases: weights, trees, who bets as whom, and which kind of model is chosen."""

import lightgbm
import msgspec
import numpy as np
import pytest

from recommendations.learning import lambdarank
from recommendations.learning.cases import MAX_CANDIDATES, Case, Cases, RecentCases, sample
from recommendations.learning.conditional_logit import fit_weights
from recommendations.learning.model_selection import is_worse, learn, ndcg
from recommendations.learning.user_vectors import WIDTH, fit_user_vectors
from recommendations.offer import Offer
from recommendations.recommenders.hybrid import DEFAULT, DEFAULT_WEIGHTS, Model
from recommendations.recommenders.hybrid_features.decision_trees import Trees
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, CoBettorSums, Likeness, UserVectors
from recommendations.tests.factories import offer_of

COLUMNS = np.arange(len(ADDITIVE))
PRIOR = np.array([DEFAULT_WEIGHTS.get(name, 0.0) for name in ADDITIVE])
NEARNESS, TREND = NAMES.index("nearness"), NAMES.index("trend")


def cases_by(score, number=400, candidates=20, seed=1):
    """Cases in which what has the highest score (with Gumbel noise, so: by a logit) is chosen."""
    rng = np.random.default_rng(seed)
    found = []
    for timestamp in range(number):
        numbers = rng.normal(size=(candidates, len(NAMES))).astype(np.float32)
        chosen = int(np.argmax(score(numbers) + rng.gumbel(size=candidates)))
        numbers[[0, chosen]] = numbers[[chosen, 0]]
        found.append(Case(float(timestamp), numbers))
    return Cases.of(found, len(NAMES))


class TestWeights:
    def test_weights_that_were_put_in_are_found(self):
        weights = fit_weights(cases_by(lambda x: 1.5 * x[:, NEARNESS] - 0.8 * x[:, TREND], 3_000), COLUMNS, PRIOR * 0)
        assert weights[[NEARNESS, TREND]] == pytest.approx([1.5, -0.8], abs=0.1)
        assert np.abs(np.delete(weights, [NEARNESS, TREND])).max() < 0.15

    def test_without_cases_they_are_the_prior_and_with_few_near_it(self):
        opposite = cases_by(lambda x: -3.0 * x[:, NEARNESS], 1_000)
        few, many = (fit_weights(opposite.part(0, number), COLUMNS, PRIOR) for number in (3, 1_000))
        assert fit_weights(opposite.part(0, 0), COLUMNS, PRIOR) == pytest.approx(PRIOR)
        assert abs(few[NEARNESS] - PRIOR[NEARNESS]) < 0.7
        assert many[NEARNESS] < -2.0

    def test_what_never_differs_keeps_the_prior(self):
        cases = cases_by(lambda x: x[:, NEARNESS])
        cases.numbers[:, TREND] = 5.0
        assert fit_weights(cases, COLUMNS, PRIOR)[TREND] == pytest.approx(PRIOR[TREND])

    def test_what_was_chosen_is_told_apart_perfectly_without_going_to_infinity(self):
        weights = fit_weights(cases_by(lambda x: 1e6 * x[:, NEARNESS]), COLUMNS, PRIOR)
        assert np.isfinite(weights).all()
        assert 2.0 < weights[NEARNESS] < 100.0


class TestTrees:
    def test_they_score_as_lightgbm_does(self):
        cases = cases_by(lambda x: 3.0 * (x[:, NEARNESS] > 0) * x[:, TREND])
        labels = np.zeros(len(cases.numbers))
        labels[cases.starts] = 1
        data = lightgbm.Dataset(cases.numbers, label=labels, group=cases.sizes)
        booster = lightgbm.train(lambdarank._PARAMETERS, data, lambdarank.ROUNDS)
        fitted = lambdarank.fit_trees(cases)
        assert fitted.score(cases.numbers) == pytest.approx(booster.predict(cases.numbers), abs=1e-5)
        kept = Trees.decode(fitted.encode())
        assert np.array_equal(kept.score(cases.numbers), fitted.score(cases.numbers))

    def test_a_tree_of_one_leaf_and_no_events_are_scored(self):
        tree = Trees.of(depth=0, roots=[0], features=[0], thresholds=[0.0], children=[0, 0], values=[2.5])
        assert tree.score(np.zeros((2, 3))).tolist() == [2.5, 2.5]
        assert tree.score(np.zeros((0, 3))).tolist() == []


class TestChoosing:
    def test_weights_are_chosen_where_they_tell_the_history(self):
        learnt = learn(cases_by(lambda x: 1.5 * x[:, NEARNESS], 1_000))
        assert learnt.kind == "logit"
        assert learnt.model.weights["nearness"] == pytest.approx(1.5, abs=0.25)

    def test_trees_are_chosen_where_weights_can_not_tell_it(self):
        learnt = learn(cases_by(lambda x: -4.0 * np.abs(x[:, NEARNESS]), 1_500))
        assert learnt.kind == "lambdarank"
        assert learnt.scores["lambdarank"] > learnt.scores["logit"] + 0.1

    @pytest.mark.parametrize("number", [0, 1, 10])
    def test_with_hardly_any_case_nothing_strange_is_learnt(self, number):
        learnt = learn(cases_by(lambda x: -5.0 * x[:, NEARNESS], number))
        weights = np.array([learnt.model.weights.get(name, 0.0) for name in ADDITIVE])
        assert np.abs(weights - PRIOR).max() < 1.5
        assert learnt.model.trees is None

    def test_a_model_that_does_worse_than_the_present_one_is_told(self):
        cases = cases_by(lambda x: -2.0 * x[:, NEARNESS], 400)
        good, bad = Model({"nearness": -2.0}), Model({"nearness": 2.0})
        assert is_worse("default", good, cases, fitted_until=0.0)
        assert not is_worse("logit", bad, cases, fitted_until=0.0)
        assert not is_worse("default", good, cases, fitted_until=395.0)  # too few cases that it has not seen

    def test_ndcg_is_what_its_formula_says(self):
        numbers = np.zeros((3, len(NAMES)), dtype=np.float32)
        numbers[:, NEARNESS] = [1.0, 2.0, 1.0]
        cases = Cases.of([Case(0.0, numbers)], len(NAMES))
        assert ndcg(Model({"nearness": 1.0}), cases)[0] == pytest.approx(1 / np.log2(1 + 2.5))


class TestCases:
    def test_the_latest_are_kept(self):
        book = RecentCases(2, most=3)
        for timestamp in range(5):
            book.add(Case(float(timestamp), np.full((timestamp + 1, 2), timestamp, dtype=np.float32)))
        cases = book.cases()
        assert (cases.timestamps.tolist(), cases.sizes.tolist()) == ([2, 3, 4], [3, 4, 5])
        assert cases.part(1, 3).numbers[:, 0].tolist() == [3] * 4 + [4] * 5

    def test_the_chosen_one_is_always_in_the_sample_and_first(self):
        places = sample(np.random.default_rng(1), 7, np.delete(np.arange(1_000), 7))
        assert (places[0], len(set(places.tolist()))) == (7, MAX_CANDIDATES)
        assert sample(np.random.default_rng(1), 0, []).tolist() == [0]


class TestTastes:
    BETS = [(user, event) for user in range(1, 11) for event in range(10) if (user + event) % 2 == 0]

    @pytest.fixture(autouse=True)
    def fitted(self):
        self.user_vectors = fit_user_vectors(self.BETS)

    def co_bettors(self, *bets):
        assert self.user_vectors is not None
        sums = CoBettorSums(self.user_vectors)
        for user, event in bets:
            sums.add(user, [event])
        return sums

    def likeness(self, co_bettors: CoBettors, user: int, offer: Offer):
        found = co_bettors.likeness(user, offer)
        assert found is not None
        return found.at(np.arange(len(offer)))[0]

    def test_users_are_like_those_who_bet_as_they_do(self):
        co_bettors = self.co_bettors((4, 1), (5, 2), (6, 1)).co_bettors()
        likeness = self.likeness(co_bettors, 2, offer_of({}, {}, {}))
        assert likeness[0] > 1.0
        assert likeness[1:] == pytest.approx([0.0, 0.0], abs=0.01)

    def test_likeness_is_told_of_any_events(self):
        co_bettors = self.co_bettors((4, 2), (6, 2), (4, 4)).co_bettors()
        found = co_bettors.likeness(2, offer_of({}, {}, {}, {}, {}))
        assert found is not None
        total, mean = found.at(np.array([4, 1, 0, 3]))
        assert total.tolist() == [0.0, found.total[0], 0.0, found.total[1]]
        assert mean.tolist() == [0.0, found.total[0] / 3, 0.0, found.total[1] / 2]
        assert found.mean.tolist() == [found.total[0] / 3, found.total[1] / 2]

    @pytest.mark.parametrize(
        ("total", "among", "best"),
        [
            ([1.0, 2.0], [1, 1, 1, 1], 2.0),
            ([-1.0, -2.0], [1, 1, 1, 1], 0.0),
            ([-1.0, -2.0], [0, 1, 0, 1], -1.0),
            ([1.0, 2.0], [0, 1, 0, 0], 1.0),
            ([1.0, 2.0], [1, 0, 0, 0], 0.0),
            ([1.0, 2.0], [0, 0, 0, 0], 0.0),
        ],
    )
    def test_the_best_likeness_is_that_of_all_events_asked_for(self, total, among, best):
        likeness = Likeness(np.array([1, 3]), np.array(total), np.array([1.0, 1.0]))
        assert likeness.best_of(np.array(among, dtype=bool)) == best

    def test_vectors_multiply_to_what_the_bets_say(self):
        """Of fewer users than the vectors are wide nothing is lost."""
        rng = np.random.default_rng(2)
        bets = [(user, event) for user in range(1, 21) for event in range(15) if rng.random() < 0.4]
        matrix = np.zeros((20, 15))
        for user, event in bets:
            matrix[user - 1, event] = 1.0
        matrix /= np.sqrt(matrix.sum(axis=0) + 1.0)
        matrix /= np.sqrt((matrix**2).sum(axis=1, keepdims=True) + 0.5)
        user_vectors = fit_user_vectors(bets)
        assert user_vectors is not None
        assert user_vectors.vectors @ user_vectors.vectors.T == pytest.approx(matrix @ matrix.T, abs=1e-5)

    def test_a_bet_counts_once_and_a_stranger_not_at_all(self):
        once, often = self.co_bettors((4, 1)).co_bettors(), self.co_bettors((4, 1), (4, 1), (99, 1)).co_bettors()
        assert often.counts.tolist() == once.counts.tolist() == [1.0]
        assert np.array_equal(often.sums, once.sums)
        assert once.likeness(99, offer_of({})) is None

    def test_events_that_are_forgotten_begin_anew(self):
        sums = self.co_bettors(*((4, event) for event in range(1, 700)))
        sums.forget(range(1, 600))
        sums.add(4, [5])
        co_bettors = sums.co_bettors()
        assert co_bettors.event_ids.tolist() == [5, *range(600, 700)]
        assert co_bettors.sums == pytest.approx(np.tile(co_bettors.user_vectors.of(4), (101, 1)))

    def test_they_survive_being_kept(self):
        user_vectors = fit_user_vectors(self.BETS)
        assert user_vectors is not None
        kept = UserVectors.decode(user_vectors.encode())
        assert kept.vectors == pytest.approx(user_vectors.vectors, abs=1e-3)
        assert kept.user_ids.tolist() == list(range(1, 11))
        assert kept.vectors.shape[1] == WIDTH

    @pytest.mark.parametrize("bets", [[], [(1, 1)], [(1, 1), (2, 1), (3, 1)]])
    def test_too_little_says_nothing(self, bets):
        assert fit_user_vectors(bets) is None


def test_trees_that_were_fitted_to_other_features_are_left_out_and_weights_are_not():
    model = Model({"nearness": 2.0}, lambdarank.fit_trees(cases_by(lambda x: 3.0 * x[:, NEARNESS])))
    weights, trees, fingerprint = msgspec.msgpack.decode(model.encode())
    assert Model.decode(model.encode()).trees is not None
    for kept in ([weights, trees, fingerprint[::-1]], [weights, trees]):
        decoded = Model.decode(msgspec.msgpack.encode(kept))
        assert (decoded.weights, decoded.trees) == ({"nearness": 2.0}, None)


def test_the_default_survives_being_kept_and_goes_by_known_features():
    assert Model.decode(DEFAULT.encode()).weights == DEFAULT.weights
    assert set(DEFAULT_WEIGHTS) <= set(ADDITIVE)

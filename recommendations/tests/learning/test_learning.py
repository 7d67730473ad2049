"""Fitting weights, trees and user vectors to cases, and selecting the kind of model."""

import lightgbm
import msgspec
import numpy as np
import pytest

from recommendations.learning import lambdarank
from recommendations.learning.cases import MAX_CANDIDATES, Case, Cases, RecentCases, sample
from recommendations.learning.conditional_logit import choose_prior, fit_weights
from recommendations.learning.model_selection import MIN_CASES, SelectedModel, fit_again, is_worse, ndcg, select_model
from recommendations.learning.user_vectors import WIDTH, fit_user_vectors
from recommendations.offer import Offer
from recommendations.recommenders.hybrid import DEFAULT_MODEL, HybridModel
from recommendations.recommenders.hybrid_features.decision_trees import Trees
from recommendations.recommenders.hybrid_features.default_weights import DEFAULT_WEIGHTS
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES
from recommendations.recommenders.hybrid_features.user_vectors import CoBettors, CoBettorSums, Likeness, UserVectors
from recommendations.tests.factories import offer_of

pytestmark = pytest.mark.slow

COLUMNS = np.arange(len(ADDITIVE))
PRIOR = np.array([DEFAULT_WEIGHTS.get(name, 0.0) for name in ADDITIVE])
NEARNESS, TREND, NUMBER_OF_BETS = (NAMES.index(name) for name in ("nearness", "trend", "selections"))


def cases_by(score, number=400, candidates=20, seed=1):
    """Cases whose chosen row has the highest score with Gumbel noise, that is: follows a logit."""
    rng = np.random.default_rng(seed)
    found = []
    for timestamp in range(number):
        numbers = rng.normal(size=(candidates, len(NAMES))).astype(np.float32)
        chosen = int(np.argmax(score(numbers) + rng.gumbel(size=candidates)))
        numbers[[0, chosen]] = numbers[[chosen, 0]]
        found.append(Case(float(timestamp), numbers))
    return Cases.of(found, len(NAMES))


def changed_cases():
    """A sudden change to the most bet on, which weights fitted to the time before do not know."""
    before = cases_by(lambda x: -3.0 * x[:, NUMBER_OF_BETS], 120)
    after = cases_by(lambda x: 30.0 * x[:, NUMBER_OF_BETS], 60, seed=2)
    parts = [Case(0.0, cases.part(n, n + 1).numbers) for cases in (before, after) for n in range(len(cases))]
    return Cases.of(parts, len(NAMES))


@pytest.mark.covered
class TestWeights:
    def test_fitted_weights_equal_those_of_the_simulation(self):
        weights = fit_weights(
            cases_by(lambda x: 1.5 * x[:, NEARNESS] - 0.8 * x[:, TREND], 3_000), COLUMNS, PRIOR * 0, 10.0
        )
        assert weights[[NEARNESS, TREND]] == pytest.approx([1.5, -0.8], abs=0.1)
        assert np.abs(np.delete(weights, [NEARNESS, TREND])).max() < 0.15

    def test_weights_equal_the_prior_without_cases_and_stay_near_it_with_few(self):
        opposite = cases_by(lambda x: -3.0 * x[:, NEARNESS], 1_000)
        few, many = (fit_weights(opposite.part(0, number), COLUMNS, PRIOR, 10.0) for number in (3, 1_000))
        assert fit_weights(opposite.part(0, 0), COLUMNS, PRIOR, 10.0) == pytest.approx(PRIOR)
        assert abs(few[NEARNESS] - PRIOR[NEARNESS]) < 0.7
        assert many[NEARNESS] < -2.0

    def test_a_constant_feature_keeps_the_prior(self):
        cases = cases_by(lambda x: x[:, NEARNESS])
        cases.numbers[:, TREND] = 5.0
        assert fit_weights(cases, COLUMNS, PRIOR, 10.0)[TREND] == pytest.approx(PRIOR[TREND])

    def test_weights_stay_finite_with_perfectly_separable_cases(self):
        weights = fit_weights(cases_by(lambda x: 1e6 * x[:, NEARNESS]), COLUMNS, PRIOR, 10.0)
        assert np.isfinite(weights).all()
        assert 2.0 < weights[NEARNESS] < 100.0


@pytest.mark.covered
class TestTrees:
    def test_trees_score_as_lightgbm_does(self):
        cases = cases_by(lambda x: 3.0 * (x[:, NEARNESS] > 0) * x[:, TREND])
        labels = np.zeros(len(cases.numbers))
        labels[cases.starts] = 1
        data = lightgbm.Dataset(cases.numbers, label=labels, group=cases.sizes)
        booster = lightgbm.train(lambdarank._PARAMETERS, data, lambdarank.ROUNDS)
        fitted = lambdarank.fit_trees(cases)
        assert fitted.score(cases.numbers) == pytest.approx(booster.predict(cases.numbers), abs=1e-5)
        decoded = Trees.decode(fitted.encode(), cases.numbers.shape[1])
        assert np.array_equal(decoded.score(cases.numbers), fitted.score(cases.numbers))

    def test_a_tree_of_one_leaf_scores_any_number_of_events(self):
        tree = Trees.of(depth=0, roots=[0], features=[0], thresholds=[0.0], children=[0, 0], values=[2.5])
        assert tree.score(np.zeros((2, 3))).tolist() == [2.5, 2.5]
        assert tree.score(np.zeros((0, 3))).tolist() == []


def choose_strength(cases, columns, prior):
    return choose_prior(cases, columns, [prior])[1]


@pytest.mark.covered
class TestStrengthOfThePrior:
    def test_a_prior_that_predicts_the_cases_is_kept_and_one_that_contradicts_many_is_not(self):
        follow = cases_by(lambda x: x[:, : len(PRIOR)] @ PRIOR, 200)
        contradict = cases_by(lambda x: -3.0 * x[:, NEARNESS], 400)
        assert choose_strength(follow, COLUMNS, PRIOR) >= 3_000
        assert choose_strength(contradict, COLUMNS, PRIOR) <= 100

    def test_strength_is_chosen_by_what_came_later(self):
        """Of habits that change, the earlier ones do not predict the later ones, however many there are."""
        cases = cases_by(lambda x: -3.0 * x[:, NEARNESS], 300)
        changing = Cases(cases.numbers.copy(), cases.starts, cases.sizes, cases.timestamps)
        changing.numbers[changing.starts[::2], NEARNESS] *= -1.0
        assert choose_strength(changing, COLUMNS, PRIOR * 0) > choose_strength(cases, COLUMNS, PRIOR * 0)

    def test_of_two_priors_the_one_that_predicts_the_cases_is_chosen(self):
        """So hostile weights are not started from where a casino's own cases contradict them."""
        cases = cases_by(lambda x: x[:, : len(PRIOR)] @ PRIOR, 200)
        assert choose_prior(cases, COLUMNS, [PRIOR, -PRIOR])[0] == 0
        assert choose_prior(cases, COLUMNS, [-PRIOR, PRIOR])[0] == 1
        selected = select_model(cases, HybridModel(dict.fromkeys(ADDITIVE, -5.0)))
        assert selected.start == "default"

    def test_few_cases_leave_the_shared_weights(self):
        shared = HybridModel({"trend": 2.0})
        selected = select_model(cases_by(lambda x: x[:, NEARNESS], MIN_CASES - 1), shared)
        assert (selected.model, selected.kind, selected.start) == (shared, "shared", "shared")

    def test_cases_are_thinned_at_random_and_keep_the_chosen_row(self):
        cases = cases_by(lambda x: x[:, NEARNESS], 30)
        cases.numbers[:, TREND] = np.arange(len(cases.numbers))
        thinned = cases.thinned(5)
        assert thinned.sizes.tolist() == [5] * 30
        assert thinned.numbers[thinned.starts, TREND].tolist() == cases.starts.tolist()
        assert len(np.unique(thinned.numbers[:, TREND])) == 150
        assert len(np.unique(thinned.numbers[:, TREND] % 20)) == 20
        assert np.array_equal(cases.thinned(20).numbers[cases.starts], cases.numbers[cases.starts])


class TestModelSelection:
    @pytest.mark.covered
    def test_weights_are_fitted_to_a_linear_history(self):
        selected = select_model(cases_by(lambda x: 1.5 * x[:, NEARNESS] - 1.5 * x[:, TREND], 1_000))
        assert selected.kind in {"logit", "blend"}
        assert selected.model.weights["nearness"] == pytest.approx(1.5, abs=0.25)

    @pytest.mark.covered
    @pytest.mark.slow
    def test_trees_have_a_large_share_in_a_nonlinear_history(self):
        cases = cases_by(lambda x: -4.0 * np.abs(x[:, NEARNESS]), 1_500)
        selected = select_model(cases)
        by_weights = SelectedModel(selected.model, "logit", {}, 0, strength=selected.strength)
        border = len(cases) * 3 // 4
        alone = fit_again(by_weights, cases.part(0, border)).model
        assert selected.kind == "blend"
        assert selected.scores["blend"] > ndcg(alone, cases.part(border, len(cases))).mean() + 0.1

    @pytest.mark.parametrize("number", [0, 1, MIN_CASES - 1])
    def test_few_cases_leave_the_default_weights(self, number):
        selected = select_model(cases_by(lambda x: -5.0 * x[:, NEARNESS], number))
        assert (selected.model, selected.kind) == (DEFAULT_MODEL, "default")

    @pytest.mark.parametrize("number", [MIN_CASES, 40])
    def test_some_cases_give_weights_near_the_default_ones_and_no_trees(self, number):
        selected = select_model(cases_by(lambda x: -5.0 * x[:, NEARNESS], number))
        weights = np.array([selected.model.weights.get(name, 0.0) for name in ADDITIVE])
        assert np.abs(weights - PRIOR).max() < 1.5
        assert selected.model.trees is None

    def test_a_single_recommender_that_predicts_better_is_selected(self):
        selected = select_model(changed_cases())
        assert selected.kind == "live_popularity"
        assert selected.model.weights == {"selections": 1.0}
        assert fit_again(selected, changed_cases().part(0, 120)).model is selected.model

    def test_shared_weights_that_predict_better_are_the_model_and_the_start(self):
        """Though fitted weights would start from the default ones, which predict the time before the change better."""
        selected = select_model(changed_cases(), HybridModel({"selections": 50.0}))
        assert (selected.kind, selected.start) == ("shared", "shared")

    @pytest.mark.covered
    def test_fitting_again_keeps_the_choices(self):
        cases = cases_by(lambda x: -4.0 * np.abs(x[:, NEARNESS]), 400)
        first = select_model(cases.part(0, 300))
        again = fit_again(first, cases)
        assert (again.kind, again.strength, again.model.shares) == (first.kind, first.strength, first.model.shares)
        assert again.model.weights != first.model.weights
        assert again.cases == 400

    def test_a_model_that_scores_lower_than_the_present_one_is_worse(self):
        cases = cases_by(lambda x: -2.0 * x[:, NEARNESS], 400)
        good, bad = HybridModel({"nearness": -2.0}), HybridModel({"nearness": 2.0})
        default, fitted = SelectedModel(DEFAULT_MODEL, "default", {}, 400), select_model(cases)
        assert is_worse(default, good, cases, fitted_until=0.0)
        assert not is_worse(fitted, bad, cases, fitted_until=0.0)
        assert not is_worse(default, good, cases, fitted_until=395.0)  # too few cases since it was fitted

    def test_ndcg_follows_its_formula(self):
        numbers = np.zeros((3, len(NAMES)), dtype=np.float32)
        numbers[:, NEARNESS] = [1.0, 2.0, 1.0]
        cases = Cases.of([Case(0.0, numbers)], len(NAMES))
        assert ndcg(HybridModel({"nearness": 1.0}), cases)[0] == pytest.approx(1 / np.log2(1 + 2.5))


class TestCases:
    def test_only_the_latest_cases_are_stored(self):
        recent = RecentCases(2, maximum=3)
        for timestamp in range(5):
            recent.add(Case(float(timestamp), np.full((timestamp + 1, 2), timestamp, dtype=np.float32)))
        cases = recent.cases()
        assert (cases.timestamps.tolist(), cases.sizes.tolist()) == ([2, 3, 4], [3, 4, 5])
        assert cases.part(1, 3).numbers[:, 0].tolist() == [3] * 4 + [4] * 5

    def test_the_chosen_place_is_always_first_in_the_sample(self):
        places = sample(np.random.default_rng(1), 7, np.delete(np.arange(1_000), 7))
        assert (places[0], len(set(places.tolist()))) == (7, MAX_CANDIDATES)
        assert sample(np.random.default_rng(1), 0, []).tolist() == [0]


class TestUserVectors:
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

    def test_likeness_is_computed_for_any_events(self):
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
        likeness = Likeness(np.array([1, 3]), np.array(total), np.array(total) / 2)
        assert likeness.best_of(np.array(among, dtype=bool)) == best

    def test_products_of_vectors_equal_those_of_the_weighted_bets(self):
        """The decomposition is exact for fewer users than the vectors' width."""
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

    def test_a_bet_counts_once_and_an_unknown_user_not_at_all(self):
        once, often = self.co_bettors((4, 1)).co_bettors(), self.co_bettors((4, 1), (4, 1), (99, 1)).co_bettors()
        assert often.counts.tolist() == once.counts.tolist() == [1.0]
        assert np.array_equal(often.sums, once.sums)
        assert once.likeness(99, offer_of({})) is None

    def test_forgotten_events_start_from_zero(self):
        sums = self.co_bettors(*((4, event) for event in range(1, 700)))
        sums.forget(range(1, 600))
        sums.add(4, [5])
        co_bettors = sums.co_bettors()
        assert co_bettors.event_ids.tolist() == [5, *range(600, 700)]
        assert co_bettors.sums == pytest.approx(np.tile(co_bettors.user_vectors.of(4), (101, 1)))

    def test_vectors_can_be_encoded_and_decoded(self):
        user_vectors = fit_user_vectors(self.BETS)
        assert user_vectors is not None
        decoded = UserVectors.decode(user_vectors.encode())
        assert decoded.vectors == pytest.approx(user_vectors.vectors, abs=1e-3)
        assert decoded.user_ids.tolist() == list(range(1, 11))
        assert decoded.vectors.shape[1] == WIDTH

    @pytest.mark.parametrize("bets", [[], [(1, 1)], [(1, 1), (2, 1), (3, 1)]])
    def test_too_few_users_or_events_give_no_vectors(self, bets):
        assert fit_user_vectors(bets) is None


@pytest.mark.covered
def test_decoding_drops_trees_fitted_to_other_features_and_keeps_the_weights():
    model = HybridModel({"nearness": 2.0}, lambdarank.fit_trees(cases_by(lambda x: 3.0 * x[:, NEARNESS])))
    weights, trees, fingerprint, _ = msgspec.msgpack.decode(model.encode())
    assert HybridModel.decode(model.encode()).trees is not None
    for stored in ([weights, trees, fingerprint[::-1]], [weights, trees]):
        decoded = HybridModel.decode(msgspec.msgpack.encode(stored))
        assert (decoded.weights, decoded.trees) == ({"nearness": 2.0}, None)


def test_a_blend_can_be_encoded_and_one_of_an_earlier_release_is_of_trees_alone():
    trees = lambdarank.fit_trees(cases_by(lambda x: 3.0 * x[:, NEARNESS]))
    model = HybridModel({"nearness": 2.0}, trees, (0.75, 0.5))
    assert HybridModel.decode(model.encode()).shares == (0.75, 0.5)
    fields = msgspec.msgpack.decode(model.encode())
    assert HybridModel.decode(msgspec.msgpack.encode(fields[:3])).shares == (0.0, 1.0)


def test_the_default_model_can_be_encoded_and_uses_known_features():
    assert HybridModel.decode(DEFAULT_MODEL.encode()).weights == DEFAULT_MODEL.weights
    assert set(DEFAULT_WEIGHTS) <= set(ADDITIVE)

"""`hybrid`: the weighted sum of features, and trees that rerank the best events."""

from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from recommendations.learning.cases import Case, Cases
from recommendations.learning.lambdarank import fit_trees
from recommendations.recommenders.base import NOBODY
from recommendations.recommenders.hybrid import REFINED, Hybrid, HybridModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE, NAMES, Features
from recommendations.recommenders.hybrid_features.user_vectors import CoBettorSums, UserVectors
from recommendations.recommenders.neighbours import Neighbours, NeighboursModel
from recommendations.recommenders.profile import Profile
from recommendations.recommenders.user_values import column_of
from recommendations.tallies.packed_tallies import TALLIED
from recommendations.tests.factories import offer_of

from .test_recommenders import FULL_PROFILE, context

pytestmark = [pytest.mark.slow, pytest.mark.covered]

EVENTS = 300
LACKING = {name: {"LACKING": 3.0} for name in TALLIED}


@pytest.fixture
def known():
    """A context in which no feature is constant."""
    offer = offer_of(*({"odd": 1.5 + number % 7} for number in range(EVENTS)))
    plain = context(offer, FULL_PROFILE, 1)
    user_vectors = UserVectors(np.array([1, 2]), np.array([[1.0, 0.5], [0.5, 1.0]], dtype=np.float32))
    sums = CoBettorSums(user_vectors)
    sums.add(2, offer.ids[::3].tolist())
    return replace(plain, models=plain.models.including(sums.co_bettors()), user_id=1)


def weights(seed):
    rng = np.random.default_rng(seed)
    return {name: float(rng.normal()) for name in ADDITIVE}


def test_the_sum_by_tables_is_the_sum_of_the_events_features(known):
    model = HybridModel(weights(3))
    features = Features(known)
    one_by_one = features.at(np.arange(EVENTS)) @ model.vector
    assert features.weighted(model.vector) == pytest.approx(one_by_one, abs=1e-3)  # but for the order by begin


def test_features_cached_with_the_offer_count_towards_its_size(known):
    before = known.offer.nbytes
    Features(known).weighted(HybridModel(weights(3)).vector)
    assert known.offer.nbytes - before >= 4 * EVENTS * (NAMES.index("odd") - NAMES.index("trend of sport"))


def test_the_lifts_are_those_of_profile(known):
    numbers = Features(known).at(np.arange(EVENTS))
    importance = [{"country": 0.5, "odds_band": 0.5, "home_team": 0.75, "away_team": 0.75}.get(a, 1.0) for a in TALLIED]
    assert numbers[:, : len(TALLIED)] @ importance == pytest.approx(Profile().score(known), abs=1e-3)
    assert {name for name, column in zip(NAMES, numbers.T, strict=True) if column.any()} >= {"likeness", "trend", "odd"}


@pytest.mark.parametrize("part", ["dictionaries", "model"])
def test_what_is_kept_of_tallies_is_not_used_for_other_offers_and_models(known, part):
    model, places = known.models.get(NeighboursModel), np.arange(EVENTS)
    tokens = [*model.tokens[1:], model.tokens[0]]
    changes: dict[str, dict[str, Any]] = {
        "dictionaries": {"offer": offer_of(*({"sport": "TENNIS"} for _ in range(EVENTS)))},
        "model": {"models": known.models.including(model.of(tokens, model.neighbours, model.weights))},
    }
    before = Features(known).at(places)
    other = replace(known, memo={}, **changes[part])
    assert other.profile.memo  # what is kept, of the same profile or of a copy
    fresh = replace(other, profile=replace(other.profile, memo={}))
    assert np.array_equal(Features(other).at(places), Features(fresh).at(places))
    assert not np.array_equal(Features(other).at(places), before)
    assert np.array_equal(Features(replace(known, memo={})).at(places), before)


def test_values_that_offer_and_model_lack_add_nothing(known):
    lacking = replace(known, profile=replace(FULL_PROFILE, counts=LACKING, weights=LACKING, memo={}), memo={})
    assert not Features(lacking).at(np.arange(EVENTS))[:, : 2 * len(TALLIED)].any()
    assert (Neighbours().applies(lacking), Neighbours().applies(known)) == (False, True)
    weights = {name: {**FULL_PROFILE.weights.get(name, {}), **LACKING[name]} for name in TALLIED}
    both = replace(known, profile=replace(FULL_PROFILE, weights=weights, memo={}), memo={})
    assert np.array_equal(Neighbours().score(both), Neighbours().score(known))
    assert np.array_equal(Profile().score(both), Profile().score(known))


def test_nothing_is_kept_of_users_without_tallies(known):
    for profile in (NOBODY, replace(NOBODY, country="DE")):
        Features(replace(known, profile=profile, memo={})).at(np.arange(EVENTS))
        assert not profile.memo


def test_trees_decide_among_the_best_and_all_others_come_after(known):
    rng = np.random.default_rng(1)
    cases = [Case(float(n), rng.normal(size=(20, len(NAMES))).astype(np.float32)) for n in range(100)]
    by_weights = HybridModel(weights(3))
    trees = fit_trees(Cases.of(cases, len(NAMES)))
    scores = {
        name: Hybrid().score(replace(known, models=known.models.including(model), memo={}))
        for name, model in {"weights": by_weights, "trees": HybridModel(by_weights.weights, trees)}.items()
    }
    best = {name: np.argsort(-each, kind="stable")[:REFINED] for name, each in scores.items()}
    assert set(best["weights"].tolist()) == set(best["trees"].tolist())
    tree_scores = trees.score(Features(known).at(best["trees"]))
    assert np.all(np.diff(tree_scores) <= 1e-6)
    others = np.setdiff1d(np.arange(EVENTS), best["trees"])
    assert np.array_equal(scores["weights"][others], scores["trees"][others])


def test_a_blend_orders_the_best_by_the_sum_of_both_scores_with_their_shares(known):
    rng = np.random.default_rng(1)
    cases = [Case(float(n), rng.normal(size=(20, len(NAMES))).astype(np.float32)) for n in range(100)]
    model = HybridModel(weights(3), fit_trees(Cases.of(cases, len(NAMES))), (0.3, 2.0))
    assert model.trees is not None
    scores = Hybrid().score(replace(known, models=known.models.including(model), memo={}))
    best = np.argsort(-scores, kind="stable")[:REFINED]
    features = Features(known)
    blended = 0.3 * features.weighted(model.vector)[best] + 2.0 * model.trees.score(features.at(best))
    assert np.all(np.diff(blended) <= 1e-6)
    assert not np.all(np.diff(model.trees.score(features.at(best))) <= 1e-6)


def test_trees_order_the_best_upcoming_events_and_the_best_live_ones(known):
    rng = np.random.default_rng(1)
    cases = [Case(float(n), rng.normal(size=(20, len(NAMES))).astype(np.float32)) for n in range(100)]
    known.offer.begins[::5] = known.now - 60
    scores, plain = (
        Hybrid().score(replace(known, models=known.models.including(HybridModel(weights(3), trees)), memo={}))
        for trees in (fit_trees(Cases.of(cases, len(NAMES))), None)
    )
    is_live, is_refined = known.offer.begins <= known.now, scores != plain
    assert [np.count_nonzero(is_refined & kind) for kind in (is_live, ~is_live)] == [REFINED, REFINED]
    assert scores[is_refined].min() > scores[~is_refined].max()


def test_a_nan_odd_and_an_unknown_user_have_features_too(known):
    offer = offer_of({"odd": 1.01})
    offer.odds[:] = np.nan
    numbers = Features(context(offer, FULL_PROFILE, 1)).at(np.array([0]))
    assert np.isfinite(numbers).all()


def test_the_band_of_odds_is_a_column_as_others(known):
    assert column_of(known.offer, "odds_band").codes.shape == (EVENTS,)

"""Stored models that are damaged, or made to break the process, are not served."""

from itertools import product

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from recommendations.fitted_models import store
from recommendations.fitted_models.store import Fitting, present_model, read_models, store_models
from recommendations.models import FittedModel
from recommendations.recommenders.base import FittedModels, StoredModel
from recommendations.recommenders.calibration import Calibration, SlipWeights
from recommendations.recommenders.hybrid import Hybrid, HybridModel, StoredHybridModel
from recommendations.recommenders.hybrid_features.decision_trees import StoredTrees
from recommendations.recommenders.hybrid_features.features import ADDITIVE, FINGERPRINT, NAMES
from recommendations.recommenders.hybrid_features.user_vectors import CoBettorSums, StoredUserVectors, UserVectors
from recommendations.recommenders.neighbours import Neighbours, NeighboursModel, StoredNeighboursModel
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.storing.erasure import vectors_of
from recommendations.tests.factories import coupon_row, event_row, offer_of, selection_row, user_row
from recommendations.tests.recommend import recommend
from recommendations.tests.recommenders.test_recommenders import FULL_PROFILE, context
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

ONE_SPLIT = StoredTrees(
    depth=1,
    roots=[0],
    features=[0, 0, 0],
    thresholds=np.zeros(3, dtype=np.float32).tobytes(),
    children=[1, 2, 1, 1, 2, 2],
    values=np.array([0.0, 1.0, 2.0], dtype=np.float32).tobytes(),
)
VECTORS = StoredUserVectors(2, np.arange(1, 4).tobytes(), np.ones((3, 2), dtype=np.float16).tobytes())
TOKENS = ["team:H1", "league:PREMIER LEAGUE", "sport:FOOTBALL"]
NEIGHBOURS = StoredNeighboursModel(
    TOKENS,
    2,
    np.array([[1, 2], [0, 2], [0, 1]], dtype=np.int32).tobytes(),
    np.ones((3, 2), dtype=np.float32).tobytes(),
)
CALIBRATION = Calibration((SlipWeights(-1.0, 0.5, 0.1), SlipWeights(0.5, 1.0, -0.1)))
OFFER = offer_of(*({"odd": 1.5 + number % 7} for number in range(40)))
HUGE = 10**15


def encoded(stored, **changes):
    return msgspec.msgpack.encode(msgspec.structs.replace(stored, **changes))


def hybrid(trees=None, weights=None, shares=(0.5, 0.5)):
    weights = dict.fromkeys(ADDITIVE, 0.5) if weights is None else weights
    return msgspec.msgpack.encode(StoredHybridModel(weights, trees, FINGERPRINT, shares))


def calibration(**weights):
    return encoded(CALIBRATION, by_events=(replace(CALIBRATION.by_events[0], **weights),))


def numbers(*values, kind=np.float32):
    return np.array(values, dtype=kind).tobytes()


VALID: dict[str, tuple[type[StoredModel], bytes]] = {
    "trees": (HybridModel, hybrid(encoded(ONE_SPLIT))),
    "weights": (HybridModel, hybrid()),
    "vectors": (UserVectors, encoded(VECTORS)),
    "neighbours": (NeighboursModel, encoded(NEIGHBOURS)),
    "calibration": (Calibration, CALIBRATION.encode()),
}
UNUSABLE: dict[str, tuple[type[StoredModel], bytes]] = {
    "endless depth": (HybridModel, hybrid(encoded(ONE_SPLIT, depth=HUGE))),
    "negative depth": (HybridModel, hybrid(encoded(ONE_SPLIT, depth=-1))),
    "root out of range": (HybridModel, hybrid(encoded(ONE_SPLIT, roots=[3]))),
    "root beyond 64 bits": (HybridModel, hybrid(encoded(ONE_SPLIT, roots=[2**63]))),
    "many trees": (HybridModel, hybrid(encoded(ONE_SPLIT, roots=[0] * 100_000))),
    "child out of range": (HybridModel, hybrid(encoded(ONE_SPLIT, children=[1, HUGE, 1, 1, 2, 2]))),
    "negative child": (HybridModel, hybrid(encoded(ONE_SPLIT, children=[1, -7, 1, 1, 2, 2]))),
    "few children": (HybridModel, hybrid(encoded(ONE_SPLIT, children=[1, 2]))),
    "feature out of range": (HybridModel, hybrid(encoded(ONE_SPLIT, features=[len(NAMES), 0, 0]))),
    "few thresholds": (HybridModel, hybrid(encoded(ONE_SPLIT, thresholds=b""))),
    "threshold not a number": (HybridModel, hybrid(encoded(ONE_SPLIT, thresholds=numbers(np.nan, 0, 0)))),
    "infinite value": (HybridModel, hybrid(encoded(ONE_SPLIT, values=numbers(0, np.inf, 0)))),
    "weight not a number": (HybridModel, hybrid(weights={"trend": float("nan")})),
    "infinite weight": (HybridModel, hybrid(weights={"trend": float("inf")})),
    "negative share": (HybridModel, hybrid(encoded(ONE_SPLIT), shares=(-1.0, 1.0))),
    "infinite share": (HybridModel, hybrid(encoded(ONE_SPLIT), shares=(float("inf"), 1.0))),
    "share not a number": (HybridModel, hybrid(encoded(ONE_SPLIT), shares=(0.5, float("nan")))),
    "many weights": (HybridModel, hybrid(weights={str(number): 1.0 for number in range(2_000)})),
    "neighbour out of range": (NeighboursModel, encoded(NEIGHBOURS, neighbours=numbers(*[9] * 6, kind=np.int32))),
    "negative neighbour": (NeighboursModel, encoded(NEIGHBOURS, neighbours=numbers(*[-9] * 6, kind=np.int32))),
    "infinite neighbour": (NeighboursModel, encoded(NEIGHBOURS, weights=numbers(*[np.inf] * 6))),
    "wide neighbours": (NeighboursModel, encoded(NEIGHBOURS, width=HUGE)),
    "no width": (UserVectors, encoded(VECTORS, width=0)),
    "negative width": (UserVectors, encoded(VECTORS, width=-1)),
    "users without vectors": (UserVectors, encoded(VECTORS, user_ids=np.arange(9).tobytes())),
    "unsorted users": (UserVectors, encoded(VECTORS, user_ids=np.array([3, 2, 1]).tobytes())),
    "infinite vectors": (UserVectors, encoded(VECTORS, vectors=numbers(*[np.inf] * 6, kind=np.float16))),
    "a calibration of no slips": (Calibration, encoded(CALIBRATION, by_events=())),
    "an endless calibration": (Calibration, encoded(CALIBRATION, by_events=CALIBRATION.by_events * 1_000)),
    "confidence that falls with the share": (Calibration, calibration(share=-0.1)),
    "endless confidence": (Calibration, calibration(constant=1e300)),
    "confidence not a number": (Calibration, calibration(coupons=float("nan"))),
    "a calibration of an earlier release": (Calibration, msgspec.msgpack.encode(((0, 4), ((0.1, 0.2), (0.1, 0.3))))),
    "deep": (HybridModel, b"\x93\x80\xc0\xa0" + b"\x91" * 100_000),
    "deeper": (HybridModel, b"\x94\x80\xc0\xa0" + b"\x91" * 100_000),
}


def scores_with(model):
    """All scores of a user, by the recommender of this model; of a calibration, the confidence of as many slips."""
    models = FittedModels(model)
    if isinstance(model, Calibration):
        slips = product((0, 5, 10, HUGE), (0.0, 0.4, 1.0, np.nan, np.inf), (1, 50))
        served = [Hybrid().confidence(models, *each, 0) for each in slips]
        assert all(0 <= each <= 1 for each in served)
        return np.array(served)
    if isinstance(model, UserVectors):
        sums = CoBettorSums(model)
        sums.add(2, OFFER.ids[::3].tolist())
        models = models.including(sums.co_bettors())
    plain = replace(context(OFFER, FULL_PROFILE, 1), models=models, user_id=1, memo={})
    recommender = Neighbours() if isinstance(model, NeighboursModel) else Hybrid()
    return recommender.score(plain)


@pytest.mark.parametrize("name", VALID)
def test_models_as_they_are_fitted_are_served(name):
    kind, blob = VALID[name]
    assert np.isfinite(scores_with(kind.decode(blob))).all()


@pytest.mark.parametrize("name", UNUSABLE)
def test_unusable_models_are_unreadable(name):
    kind, blob = UNUSABLE[name]
    with pytest.raises(store._UNREADABLE):
        kind.decode(blob)


MUTATION = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=9), st.integers(0, 9))
EXTREMES = st.sampled_from([0, 1, -1, 2**31, 2**63, 2**64 - 1, HUGE, "", "x", b"", b"\xff" * 24, [], [2**62], None])


@pytest.mark.scaled
@given(st.sampled_from(sorted(VALID)), st.lists(MUTATION, min_size=1, max_size=4))
def test_models_with_changed_bytes_are_unreadable_or_score_all_events(name, mutations):
    kind, blob = VALID[name]
    for at, new, dropped in mutations:
        place = int(at * len(blob))
        blob = blob[:place] + new + blob[place + dropped :]
    check(kind, blob)


@pytest.mark.scaled
@given(st.sampled_from(sorted(VALID)), st.integers(0, 5), EXTREMES)
def test_models_with_an_extreme_field_are_unreadable_or_score_all_events(name, place, value):
    kind, blob = VALID[name]
    fields = msgspec.msgpack.decode(blob)
    if name == "trees":
        inner = msgspec.msgpack.decode(fields[1])
        inner[place] = value
        fields[1] = msgspec.msgpack.encode(inner)
    else:
        fields[place % len(fields)] = value
    check(kind, msgspec.msgpack.encode(fields))


def check(kind, blob):
    try:
        model = kind.decode(blob)
    except store._UNREADABLE:
        return
    scores = scores_with(model)
    assert scores.shape == (len(OFFER),)
    assert np.isfinite(scores).all()


@pytest.fixture
def known_user(casino_a, now):
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        store_events([event_row(id=number, home_team=f"H{number}", away_team=f"A{number}") for number in range(1, 6)])
        store_coupons([coupon_row(user_id=1, timestamp=now, recommended_events=(selection_row(home_team="H1"),))])
        yield


@pytest.mark.parametrize("name", ["endless depth", "child out of range", "infinite weight"])
def test_unusable_model_is_not_served_and_logged_once(known_user, now, caplog, name):
    FittedModel.objects.create(version=1, recommender="hybrid", fitted=UNUSABLE[name][1], coupons=1)
    slips = [recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now) for _ in range(3)]
    assert [(slip.recommender, slip.fallback_step, len(slip.recommended_events)) for slip in slips] == [
        ("hybrid", 0, 3)
    ] * 3
    assert sum("is unreadable and not served" in record.message for record in caplog.records) == 1
    assert present_model() is None


def test_a_calibration_is_served_with_its_hybrid_alone(known_user):
    fitted = [("hybrid", hybrid()), ("calibration", CALIBRATION.encode())]
    store_models(fitted, Fitting(1))
    store_models([("neighbours", encoded(NEIGHBOURS))], Fitting(1))
    assert read_models(2)[1].get(Calibration) == CALIBRATION
    FittedModel.objects.filter(version=2, recommender="hybrid").update(fitted=b"damaged")
    assert read_models(2)[1].get(Calibration) is None
    assert read_models(2)[1].get(NeighboursModel) is not None


def test_scores_of_any_depth_are_not_read(known_user, now):
    nested = "[" * 4_000 + "]" * 4_000
    for name, fitted in (("hybrid", hybrid()), ("tastes", encoded(VECTORS))):
        FittedModel.objects.create(version=1, recommender=name, fitted=fitted, coupons=1)
    execute(f"UPDATE fitted_models SET scores = '{nested}'")
    assert recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now).model_version == "1"
    assert present_model() is not None
    assert [*vectors_of(1)] == [1]


def test_huge_model_is_not_read(known_user, now, caplog, monkeypatch):
    monkeypatch.setattr(store, "_MAX_BYTES", 1_000)
    FittedModel.objects.create(version=1, recommender="hybrid", fitted=hybrid() + b"\x00" * 1_000, coupons=1)
    assert recommend(casino_id=1, recommender_type="hybrid", user_id=1, now=now).fallback_step == 0
    assert present_model() is None
    assert "has more than 1000 bytes and is not served" in caplog.text

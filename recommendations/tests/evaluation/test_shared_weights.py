"""Casinos that share their weights start from the mean of the others'."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from django.core.management import call_command

from recommendations.evaluation import shared_weights as module
from recommendations.evaluation.shared_weights import LARGEST, MIN_CASINOS, MIN_COUPONS, mean_of, shared_weights
from recommendations.fitted_models.store import Fitting, present_model, store_models
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import HybridModel, StoredHybridModel
from recommendations.recommenders.hybrid_features.features import ADDITIVE
from recommendations.storing import store_coupons, store_users
from recommendations.tests.factories import coupon_row, selection_row, user_row
from tenants.models import Casino, CasinoState
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

ENOUGH = Fitting(MIN_COUPONS, scores={"kind": "blend"})
OWN = {"trend": 1.5, "nearness": -0.25}


@pytest.fixture
def two_are_enough(monkeypatch):
    """The tests have two databases: the casino's own, and one of another casino."""
    monkeypatch.setattr(module, "MIN_CASINOS", 1)


def share(*casinos):
    for casino in casinos:
        casino.options = {"share_weights": True}
        casino.save(update_fields=["options"])


def store(casino, weights, fitting=ENOUGH):
    with use_casino(casino.current):
        store_models([("hybrid", HybridModel(weights).encode())], fitting)


def given_to(casino):
    found = shared_weights(casino.pk)
    return None if found is None else {name: weight for name, weight in found.weights.items() if weight}


def test_a_mean_is_of_three_casinos_at_least_and_bounds_each_weight():
    two = [{"trend": 1.0}, {"trend": 3.0, "nearness": 1e6}]
    assert mean_of(two) is None
    mean = mean_of([*two, {"trend": 2.0, "unknown": 9.0}])
    assert mean is not None
    assert MIN_CASINOS == mean.casinos == 3
    assert mean.weights["trend"] == pytest.approx(2.0)
    assert mean.weights["nearness"] == pytest.approx(LARGEST / 3)
    assert mean.weights.keys() == set(ADDITIVE)


def test_one_other_casino_shares_nothing_that_could_be_read_back(casino_a, casino_b):
    share(casino_a, casino_b)
    store(casino_b, OWN)
    assert shared_weights(casino_a.pk) is None


@pytest.mark.usefixtures("two_are_enough")
class TestSharing:
    def test_weights_of_others_are_shared_and_not_ones_own(self, casino_a, casino_b):
        share(casino_a, casino_b)
        store(casino_a, {"trend": 9.0})
        store(casino_b, OWN)
        assert given_to(casino_a) == OWN

    @pytest.mark.parametrize("change", ["no option", "suspended", "no casino"])
    def test_a_casino_that_does_not_share_or_is_gone_is_left_out(self, casino_a, casino_b, change):
        share(casino_a, casino_b)
        store(casino_b, OWN)
        changed = Casino.objects.filter(pk=casino_b.pk)
        if change == "no option":
            changed.update(options={"share_weights": False})
        else:
            changed.update(state=CasinoState.SUSPENDED if change == "suspended" else CasinoState.DELETED)
        assert given_to(casino_a) is None

    @pytest.mark.parametrize(
        "fitting",
        [
            replace(ENOUGH, coupons=MIN_COUPONS - 1),
            replace(ENOUGH, scores={"kind": "shared"}),
            replace(ENOUGH, scores={}),
        ],
    )
    def test_weights_that_are_not_fitted_to_enough_coupons_are_not_shared(self, casino_a, casino_b, fitting):
        share(casino_a, casino_b)
        store(casino_b, OWN, fitting)
        assert given_to(casino_a) is None

    @pytest.mark.parametrize("weights", [{"trend": float("nan")}, {"trend": float("inf")}, None])
    def test_unusable_weights_and_those_of_other_features_are_not_shared(self, casino_a, casino_b, weights):
        share(casino_a, casino_b)
        store(casino_b, OWN)
        stored = StoredHybridModel(weights or OWN, None, "other features" if weights is None else "")
        with use_casino(casino_b.current):
            FittedModel.objects.update(fitted=msgspec.msgpack.encode(stored))
        assert given_to(casino_a) is None

    def test_a_database_that_can_not_be_read_is_left_out_with_a_warning(self, casino_a, casino_b, caplog):
        share(casino_a, casino_b)
        with use_casino(casino_b.current):
            execute("ALTER TABLE fitted_models RENAME TO of_another_release")
        assert given_to(casino_a) is None
        assert "The weights that Beta (casino 2) shares can't be read and are left out" in caplog.text

    def test_a_new_casino_starts_from_them_and_only_weights_cross(self, casino_a, casino_b, now, capsys):
        share(casino_a, casino_b)
        store(casino_b, OWN)
        with use_casino(casino_b.current):
            store_users([user_row(id=77, name="ADA")])
        with use_casino(casino_a.current):
            store_users([user_row(id=1)])
            bet_on = (selection_row(home_team="H1"),)
            store_coupons([coupon_row(user_id=1, timestamp=now - timedelta(days=1), recommended_events=bet_on)])
        call_command("fit_models", casino=[1])
        assert "version 1. Starts from the mean of the weights that 1 casinos share." in capsys.readouterr().out
        with use_casino(casino_a.current):
            stored = FittedModel.objects.get(recommender="hybrid")
            assert (stored.scores["kind"], stored.coupons) == ("shared", 1)
            assert {k: v for k, v in HybridModel.decode(bytes(stored.fitted)).weights.items() if v} == OWN
            assert {row.recommender for row in FittedModel.objects.all()} == {"hybrid"}
        with use_casino(casino_b.current):
            assert FittedModel.objects.count() == 1

    def test_a_casino_without_the_option_starts_from_the_default_weights(self, casino_a, casino_b, now, capsys):
        share(casino_b)
        store(casino_b, OWN)
        call_command("fit_models", casino=[1])
        assert "too little data to fit a model" in capsys.readouterr().out
        with use_casino(casino_a.current):
            assert present_model() is None

"""Casinos that share their weights start from the mean of the others'."""

import time
from datetime import timedelta

import msgspec
import pytest
from django.core.management import CommandError, call_command

from recommendations.evaluation.shared_weights import (
    MIN_CASES,
    MIN_CASINOS,
    MIN_USERS,
    SPREAD,
    SharedWeights,
    mean_of_others,
    weights_by_casino,
)
from recommendations.evaluation.training import fit_models
from recommendations.fitted_models.store import Fitting, present_model, read_models, served_version, store_models
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import HybridModel, StoredHybridModel
from recommendations.recommenders.hybrid_features.default_weights import DEFAULT_WEIGHTS
from recommendations.recommenders.hybrid_features.features import ADDITIVE, FINGERPRINT
from recommendations.serving.options import DEFAULTS
from recommendations.storing import store_coupons, store_users
from recommendations.tests.factories import coupon_row, selection_row, user_row
from tenants.databases.servers import server_cursor
from tenants.models import Casino, CasinoState
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

SCORES = {"kind": "blend", "cases": MIN_CASES, "users": MIN_USERS}
SCORES_OF_A_MEAN = {"kind": "shared", "start": "shared", "cases": 0, "users": 1}
OWN = {"trend": 1.5, "nearness": -0.25}
MEAN = SharedWeights({"trend": 1.5}, MIN_CASINOS)
NEXT_MEAN = SharedWeights({"trend": 1.25}, MIN_CASINOS)
NESTED = "[" * 4_000 + "]" * 4_000
SLOW = """
ALTER TABLE fitted_models RENAME TO stored_models;
CREATE VIEW fitted_models AS SELECT stored_models.* FROM stored_models, pg_sleep(60)
"""
DAMAGES = {
    "no table": "ALTER TABLE fitted_models RENAME TO of_another_release",
    "text in place of bytes": "ALTER TABLE fitted_models ALTER fitted TYPE text USING encode(fitted, 'base64')",
    "no answer in time": SLOW,
}


def share(*casinos):
    for casino in casinos:
        casino.options = {"share_weights": True}
        casino.save(update_fields=["options"])


def store(casino, weights, scores=SCORES):
    with use_casino(casino.current):
        store_models([("hybrid", HybridModel(weights).encode())], Fitting(MIN_CASES, scores=scores))


def end_statements(casino):
    """A statement that nobody waits for any more holds its locks until it ends."""
    with server_cursor("postgres") as cursor:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND state = 'active'"
        cursor.execute(ended, [casino.db_name])


def damage(casino, sql):
    with use_casino(casino.current):
        execute(sql)


@pytest.fixture
def one_coupon(casino_a, now):
    """Too few for a model of its own."""
    with use_casino(casino_a.current):
        store_users([user_row(id=1)])
        bet_on = (selection_row(home_team="H1"),)
        store_coupons([coupon_row(user_id=1, timestamp=now - timedelta(days=1), recommended_events=bet_on)])


class TestTheMean:
    def test_it_is_of_three_other_casinos_at_least(self):
        found = {number: {"trend": 0.1 * number} for number in range(1, 5)}
        mean = mean_of_others(found, 4)
        assert mean is not None
        assert mean.casinos == MIN_CASINOS == 3
        assert mean.weights["trend"] == pytest.approx(0.2)
        assert mean.weights.keys() == set(ADDITIVE)
        del found[1]
        assert mean_of_others(found, 4) is None
        assert mean_of_others(found, 5) is not None

    def test_a_weight_far_from_the_default_moves_it_little(self):
        found = {1: DEFAULT_WEIGHTS, 2: DEFAULT_WEIGHTS, 3: {**DEFAULT_WEIGHTS, "trend": 1e6, "nearness": -1e6, "?": 9}}
        mean = mean_of_others(found, 4)
        assert mean is not None
        assert mean.weights["trend"] == pytest.approx(DEFAULT_WEIGHTS["trend"] + SPREAD / 3)
        assert mean.weights["nearness"] == pytest.approx(DEFAULT_WEIGHTS["nearness"] - SPREAD / 3)
        assert mean.weights["selections"] == pytest.approx(DEFAULT_WEIGHTS["selections"])

    def test_one_other_casino_is_too_few_unless_a_test_says_so(self):
        own = {**DEFAULT_WEIGHTS, **OWN}
        assert mean_of_others({1: own, 2: own}, 1) is None
        mean = mean_of_others({1: {}, 2: own}, 1, min_casinos=1)
        assert mean is not None
        assert {name: weight for name, weight in mean.weights.items() if weight} == own


@pytest.mark.covered
class TestWhatIsShared:
    def test_weights_of_active_casinos_with_the_option(self, casino_a, casino_b):
        share(casino_a, casino_b)
        store(casino_a, {"trend": 0.5})
        store(casino_b, OWN)
        assert weights_by_casino() == {1: {"trend": 0.5}, 2: OWN}

    def test_options_of_a_later_release_do_not_matter(self, casino_b):
        store(casino_b, OWN)
        Casino.objects.filter(pk=casino_b.pk).update(options={"share_weights": True, "of a later release": 1})
        assert weights_by_casino() == {2: OWN}

    @pytest.mark.parametrize("change", ["no option", "suspended", "no casino"])
    def test_a_casino_that_does_not_share_or_is_gone_is_left_out(self, casino_a, casino_b, change):
        share(casino_a, casino_b)
        store(casino_b, OWN)
        changed = Casino.objects.filter(pk=casino_b.pk)
        if change == "no option":
            changed.update(options={"share_weights": False})
        else:
            changed.update(state=CasinoState.SUSPENDED if change == "suspended" else CasinoState.DELETED)
        assert weights_by_casino() == {}

    @pytest.mark.parametrize(
        "scores",
        [
            {**SCORES, "cases": MIN_CASES - 1},
            {**SCORES, "users": MIN_USERS - 1},
            {**SCORES, "kind": "shared"},
            {"kind": "blend"},
            {},
        ],
    )
    def test_weights_that_are_not_fitted_to_enough_cases_are_not_shared(self, casino_b, scores):
        share(casino_b)
        store(casino_b, OWN, scores)
        assert weights_by_casino() == {}

    @pytest.mark.parametrize(
        ("weights", "features"),
        [({"trend": float("nan")}, FINGERPRINT), ({"trend": float("inf")}, FINGERPRINT), (OWN, "other features")],
    )
    def test_unusable_weights_and_those_of_other_features_are_not_shared(self, casino_b, weights, features):
        share(casino_b)
        store(casino_b, OWN)
        assert weights_by_casino() == {2: OWN}
        with use_casino(casino_b.current):
            FittedModel.objects.update(fitted=msgspec.msgpack.encode(StoredHybridModel(weights, None, features)))
        assert weights_by_casino() == {}

    def test_scores_of_any_depth_are_not_read(self, casino_b):
        share(casino_b)
        store(casino_b, OWN)
        damage(casino_b, f"UPDATE fitted_models SET scores = scores || '{{\"deep\": {NESTED}}}'")
        assert weights_by_casino() == {2: OWN}

    @pytest.mark.parametrize("sql", DAMAGES.values(), ids=DAMAGES)
    def test_a_database_without_a_usable_answer_in_time_is_left_out(self, casino_a, casino_b, caplog, sql):
        share(casino_a, casino_b)
        store(casino_a, OWN)
        store(casino_b, OWN)
        damage(casino_b, sql)
        began = time.monotonic()
        found = weights_by_casino(seconds=1.0)
        seconds = time.monotonic() - began
        end_statements(casino_b)
        assert found == {1: OWN}
        assert seconds < 30
        assert "Can't read the weights that Beta (casino 2) shares; the mean excludes them" in caplog.text


class TestFitting:
    def test_only_weights_cross_to_a_casino_with_few_cases(self, casino_a, one_coupon, now):
        with use_casino(casino_a.current):
            result = fit_models(now, 1, DEFAULTS, MEAN)
            assert result is not None
            assert result.start == "Starts from the mean of the weights that 3 casinos share"
            stored = FittedModel.objects.get()
            assert (stored.recommender, stored.scores) == ("hybrid", SCORES_OF_A_MEAN)
            assert HybridModel.decode(bytes(stored.fitted)).weights == MEAN.weights
            assert present_model() is None  # of its own

    def test_the_next_mean_replaces_one_that_is_served(self, casino_a, one_coupon, now):
        with use_casino(casino_a.current):
            fit_models(now, 1, DEFAULTS, MEAN)
            fit_models(now, 1, DEFAULTS, NEXT_MEAN)
            assert read_models(served_version())[1].get(HybridModel) == HybridModel(NEXT_MEAN.weights)

    def test_without_a_mean_the_default_weights_replace_it(self, casino_a, one_coupon, now):
        with use_casino(casino_a.current):
            fit_models(now, 1, DEFAULTS, MEAN)
            result = fit_models(now, 1)
            assert result is not None
            assert (result.version, result.is_active) == (2, True)
            assert result.start.startswith("Has the default weights again")
            assert read_models(served_version())[1].get(HybridModel) is None
            assert fit_models(now, 1) is None

    def test_a_mean_does_not_replace_weights_of_its_own(self, casino_a, one_coupon, now):
        store(casino_a, OWN)
        with use_casino(casino_a.current):
            assert fit_models(now, 1, DEFAULTS, MEAN) is None
            model, _ = present_model() or (None, None)
            assert model == HybridModel(OWN)


class TestTheCommand:
    def test_fewer_than_three_others_leave_the_default_weights(self, casino_a, casino_b, capsys):
        share(casino_a, casino_b)
        store(casino_b, OWN)
        call_command("fit_models", casino=[1])
        assert "too little data to fit a model" in capsys.readouterr().out

    def test_damaged_casinos_do_not_fail_the_fit_of_others(self, casino_a, casino_b, one_coupon, capsys, caplog):
        """They are read once in a run."""
        share(casino_a, casino_b)
        damage(casino_b, DAMAGES["no table"])
        with pytest.raises(CommandError, match=r"Not fitted: 2\."):
            call_command("fit_models", all=True, jobs=1)
        assert "Alpha (casino 1): too little data to fit a model" in capsys.readouterr().out
        assert caplog.text.count("Can't read the weights") == 1

    def test_others_are_read_only_for_casinos_that_share_and_are_fitted(self, casino_a, casino_b, caplog, capsys):
        share(casino_b)
        damage(casino_b, DAMAGES["no table"])
        call_command("fit_models", casino=[1])
        share(casino_a)
        store(casino_a, OWN)
        call_command("fit_models", casino=[1], older_than=1.0)
        assert "skipped" in capsys.readouterr().out
        assert "Can't read the weights" not in caplog.text

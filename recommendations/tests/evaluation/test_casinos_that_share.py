"""`manage.py fit_models` over casinos that share their weights, each in a database of its own."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from recommendations.evaluation.shared_weights import MIN_CASES, MIN_USERS
from recommendations.fitted_models.store import Fitting, store_models
from recommendations.models import FittedModel, User
from recommendations.recommenders.hybrid import HybridModel
from recommendations.recommenders.hybrid_features.default_weights import DEFAULT_WEIGHTS
from recommendations.storing import store_coupons, store_users
from recommendations.tests.factories import coupon_row, selection_row, user_row
from tenants.lifecycle.create import store_casinos
from tenants.models import Casino
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

one_and_two_jobs = pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.exhaustive)])


@pytest.fixture
def four(real_databases, now):
    """Three with weights that are fitted to enough cases, and a fourth of one coupon."""
    casinos = store_casinos(["Alpha", "Beta", "Gamma", "New"])
    Casino.objects.update(options={"share_weights": True})
    for casino, trend in zip(casinos, (0.5, 0.6, 1.0), strict=False):
        with use_casino(casino.current):
            weights = {**DEFAULT_WEIGHTS, "trend": trend}
            scores = {"kind": "blend", "start": "default", "cases": MIN_CASES, "users": MIN_USERS}
            store_models([("hybrid", HybridModel(weights).encode())], Fitting(MIN_CASES, scores=scores))
    with use_casino(casinos[-1].current):
        store_users([user_row(id=1)])
        bet_on = (selection_row(home_team="H1"),)
        store_coupons([coupon_row(user_id=1, timestamp=now - timedelta(days=1), recommended_events=bet_on)])
    return casinos


def fit(capsys, jobs):
    """The line of each casino, by its name."""
    call_command("fit_models", all=True, jobs=jobs)
    lines = capsys.readouterr().out.splitlines()
    return {line.split(" ")[0]: line.split(": ")[1] for line in lines}


def models_of(casino):
    with use_casino(casino.current):
        assert User.objects.count() == (casino.name == "New")
        return list(FittedModel.objects.order_by("version").values_list("version", "recommender", "fitted"))


@one_and_two_jobs
def test_the_new_one_starts_from_the_mean_as_long_as_three_others_share(four, capsys, jobs):
    *others, new = four
    before = [models_of(casino) for casino in others]
    output = fit(capsys, jobs)
    assert output.pop("New").startswith("version 1. Starts from the mean of the weights that 3 casinos share.")
    assert [*output.values()] == ["too little data to fit a model"] * 3
    [(_, name, fitted)] = models_of(new)
    assert name == "hybrid"
    assert HybridModel.decode(bytes(fitted)).weights["trend"] == pytest.approx(0.7)
    Casino.objects.filter(pk=others[0].pk).update(options={})
    assert fit(capsys, jobs)["New"].startswith("version 2. Has the default weights again")
    assert [row[:2] for row in models_of(new)] == [(1, "hybrid"), (2, "none")]
    assert [models_of(casino) for casino in others] == before

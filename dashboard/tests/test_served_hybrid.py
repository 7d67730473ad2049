"""The served model of `hybrid` on a casino's page."""

import re

import pytest

from recommendations.fitted_models.store import Fitting, store_models
from recommendations.models import FittedModel
from recommendations.recommenders.hybrid import HybridModel
from tenants.models import Casino
from tenants.routing.connections import execute
from tenants.routing.context import use_casino

from .conftest import HOSTILE, text_of

MODEL = [("hybrid", HybridModel({"trend": 1.0}).encode())]


def shown(staff, casino, scores):
    with use_casino(casino.current):
        store_models(MODEL, Fitting(coupons=1_234, scores=scores))
    return text_of(staff, "/casinos/1/")


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        ({"kind": "blend", "start": "default"}, "Starts from the default weights."),
        ({"kind": "default", "start": "default"}, "Starts from the default weights."),
        (
            {"kind": "logit", "start": "shared", "casinos": 4},
            "Starts from the mean of the weights that other casinos share.",
        ),
        ({"kind": "shared", "start": "shared"}, "Starts from the mean of the weights that other casinos share."),
        ({"kind": "trending", "start": "default"}, "Has the weights of trending alone."),
        ({"kind": "trending"}, "Has the weights of trending alone."),
        ({"kind": "logit"}, "An earlier release fitted it: its initial weights are unknown."),
    ],
)
def test_page_says_what_the_served_model_started_from(staff, casino_a, scores, sentence):
    page = shown(staff, casino_a, scores)
    assert f"<p>{sentence}</p>" in page
    assert re.search("version 1, fitted [0-9]+ s ago to 1,234 coupons<", page)
    assert "Model of hybrid" not in text_of(staff, "/casinos/2/")


@pytest.mark.covered
def test_a_model_that_is_saved_and_not_served_is_not_shown(staff, casino_a):
    with use_casino(casino_a.current):
        store_models(MODEL, Fitting(1, scores={"kind": "shared", "start": "shared"}), is_served=False)
    assert "Model of hybrid" not in text_of(staff, "/casinos/1/")
    assert "Starts from the default" in shown(staff, casino_a, {"kind": "logit", "start": "default"})
    with use_casino(casino_a.current):
        store_models([("neighbours", b"")], Fitting(1))
        FittedModel.objects.filter(recommender="hybrid", version=3).delete()
    assert "Model of hybrid" not in text_of(staff, "/casinos/1/")


@pytest.mark.covered
def test_a_model_too_large_to_be_served_is_not_shown(staff, casino_a):
    with use_casino(casino_a.current):
        store_models([("hybrid", bytes(17 * 2**20))], Fitting(1, scores={"kind": "logit", "start": "default"}))
    assert "Model of hybrid" not in text_of(staff, "/casinos/1/")


def test_a_casino_that_uses_hybrid_without_a_model_has_the_default_weights(staff, casino_a):
    Casino.objects.filter(pk=1).update(recommender_type="hybrid")
    assert "No model is served: hybrid uses the default weights." in text_of(staff, "/casinos/1/")


@pytest.mark.covered
def test_hostile_scores_neither_break_the_page_nor_are_they_code(staff, casino_a):
    page = shown(staff, casino_a, {"kind": HOSTILE, "start": "default"})
    assert HOSTILE not in page
    nested = "[" * 4_000 + "]" * 4_000
    with use_casino(casino_a.current):
        FittedModel.objects.update(scores={"kind": ["blend"], "start": {"a": 1}})
    assert "its initial weights are unknown" in text_of(staff, "/casinos/1/")
    with use_casino(casino_a.current):
        execute(f'UPDATE fitted_models SET scores = \'{{"kind": "logit", "start": {nested}}}\'')
    assert "its initial weights are unknown" in text_of(staff, "/casinos/1/")

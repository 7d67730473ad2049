"""The API in a browser: HTML pages with forms."""

import pytest
from django.test import Client

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import EventFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = pytest.mark.covered

BROWSER = {"Accept": "text/html"}


def test_config_offers_a_form_with_every_recommender(caller_a):
    caller_a.configure("inference")
    answer = caller_a.get("/config", **BROWSER)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/html")
    assert "<form" in page
    assert 'name="recommendation_schema"' in page
    assert [name for name in RECOMMENDERS if f'value="{name}"' not in page] == []


def test_config_offers_its_form_also_before_the_first_configuration(caller_a):
    page = caller_a.get("/config", **BROWSER).content.decode()
    assert "Casino is not configured" in page
    assert 'name="recommendation_schema"' in page
    assert "recommended_events" in page


def test_the_form_can_be_sent(casino_a):
    form = {"recommender_type": "dynamic", "recommendation_schema": '{"who": {"type": "int", "source_field": "id"}}'}
    answer = Client().post("/config", data=form, headers={"Casino-ID": "1", **BROWSER})
    assert answer.status_code == 200
    casino_a.refresh_from_db()
    assert casino_a.recommender_type == "dynamic"
    assert casino_a.recommendation_schema == {"who": {"type": "int", "source_field": "id"}}


def test_a_form_with_a_broken_schema_is_refused(casino_a):
    form = {"recommender_type": "dynamic", "recommendation_schema": '{"who": '}
    headers = {"Casino-ID": "1", "Accept": "text/html;q=0.1, application/json"}
    answer = Client().post("/config", data=form, headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error", "code", "details"])
    assert "recommendation_schema" in answer.json()["error"]


@pytest.mark.parametrize("name", RECOMMENDERS)
def test_a_recommendation_can_be_read_in_a_browser(caller_a, casino_a, name):
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        EventFactory.create(home_team="ROVERS & <SONS>")
    caller_a.configure(name)
    answer = caller_a.get("/recommend/1", **BROWSER)
    assert answer.status_code == 200
    assert "ROVERS" in answer.content.decode()
    assert "<SONS>" not in answer.content.decode()


def test_an_error_can_be_read_in_a_browser(caller_a):
    caller_a.configure("static")
    answer = caller_a.get("/recommend/5", **BROWSER)
    assert answer.status_code == 404
    assert "User not found" in answer.content.decode()


def test_purchase_has_a_button(caller_a, casino_a, settings):
    settings.RECSYS_TEST_ENDPOINTS = True
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
        EventFactory.create_batch(3)
    answer = caller_a.get("/purchase/1", **BROWSER)
    assert answer.status_code == 201
    assert 'method="POST"' in answer.content.decode()

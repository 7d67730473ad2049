"""The dashboard takes and shows the casino's own ids, also those that are text."""

import json
from urllib.parse import quote

import pytest

from dashboard.pages.try_user import USERS_A_PAGE
from recommendations.storing import store_coupons, store_events, store_users
from recommendations.tests.factories import coupon_row, event_row, user_row
from recommendations.validation.own_ids import FIRST_TEXT_ID
from tenants.routing.context import use_casino

USER = "sr:user/1 & é"
TRY, CONFIGURATION = "/casinos/1/try/", "/casinos/1/configuration/"
SCHEMA = json.dumps({"who": {"type": "string", "source_field": "id"}})


@pytest.fixture
def stored(staff, casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=USER, name="Texty"), user_row(id=31)])
        store_events([event_row(id="sr:match:1")])
        store_coupons([coupon_row(id="C-1", user_id=USER)])
    return staff


def page_of(staff, path):
    answer = staff.get(path)
    assert answer.status_code == 200
    content = answer.content.decode()
    assert str(FIRST_TEXT_ID)[:6] not in content
    return content


@pytest.mark.covered
@pytest.mark.parametrize("search", ["", USER, "texty"])
def test_users_are_listed_and_found_by_text(stored, search):
    content = page_of(stored, f"{TRY}?q={quote(search)}")
    assert "sr:user/1 &amp; é" in content
    assert f"?user={quote(USER, safe='')}" in content


def test_a_user_is_previewed_by_text(stored):
    content = page_of(stored, f"{TRY}?user={quote(USER)}")
    assert "user sr:user/1 &amp; é" in content
    assert "Coupon C-1" in content


def test_an_unknown_text_is_reported(stored):
    assert "This casino has no user sr:user:2." in page_of(stored, f"{TRY}?user=sr:user:2")


def test_pages_of_users_follow_by_text(stored, casino_a):
    with use_casino(casino_a.current):
        store_users([user_row(id=f"u{number:03}", name="Many") for number in range(USERS_A_PAGE * 2)])
    first = stored.get(f"{TRY}?q=many").context
    second = stored.get(f"{TRY}?q=many&after={first['next_after']}").context
    shown = [user.own_id for page in (first, second) for user in page["users"]]
    assert sorted(shown) == [f"u{number:03}" for number in range(USERS_A_PAGE * 2)]
    assert first["next_after"] in shown


def test_the_configuration_is_previewed_for_a_text(stored):
    form = {"recommender_type": "static", "recommendation_schema": SCHEMA, "options": "", "user_id": USER}
    page = stored.post(CONFIGURATION, form | {"preview": ""})
    assert json.loads(page.context["preview"]["answer"]) == {"who": USER}


def test_a_type_that_the_users_id_has_not_is_reported_in_the_preview_and_refused(stored):
    schema = SCHEMA.replace("string", "int")
    form = {"recommender_type": "static", "recommendation_schema": schema, "options": "", "user_id": USER}
    assert "is no int" in stored.post(CONFIGURATION, form | {"preview": ""}).context["preview"]["problem"]
    page = stored.post(CONFIGURATION, form | {"save": "", "version": ""})
    assert "1 user has an id that is no int" in page.context["form"].errors["recommendation_schema"][0]

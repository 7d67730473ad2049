"""The admin shows, finds and links rows by the casino's own ids; the numbers behind text are nowhere."""

from decimal import Decimal
from urllib.parse import quote

import pytest
from django.contrib.admin.utils import quote as admin_quote
from django.contrib.auth import get_user_model
from django.urls import reverse

from recommendations.models import ServedSlip, User
from recommendations.storing import store_coupons, store_events, store_recommendations, store_users
from recommendations.tests.factories import coupon_row, event_row, selection_row, served_row, user_row
from recommendations.text_ids import Kind, id_of
from recommendations.validation.own_ids import FIRST_TEXT_ID
from recommendations.validation.rows import ServedEventRow
from tenants.routing.context import use_casino

USER, EVENT, COUPON = "sr:user/1 é", "sr:match:1", "C-1"
PAGES = [("user", USER), ("event", EVENT), ("purchasedcoupon", COUPON)]
LISTS = ["user", "event", "userprofile", "purchasedcoupon", "servedslip"]


@pytest.fixture
def staff(client, casino_a):
    client.force_login(get_user_model().objects.create_superuser("staff", password="x"))
    with use_casino(casino_a.current):
        store_users([user_row(id=USER), user_row(id=31, name="Number")])
        [event] = store_events([event_row(id=EVENT)])
        bet = selection_row(event_id=EVENT)
        store_coupons([coupon_row(id=COUPON, user_id=USER, recommended_events=(bet,))])
        shown = ServedEventRow(event_id=event.id or 0, odd=Decimal("2.5"))
        store_recommendations([served_row(1, user_id=id_of(Kind.USERS, USER), events=(shown,))])
    client.post("/casino/", {"casino": casino_a.pk})
    return client


def address(model, own):
    return reverse(f"admin:recommendations_{model}_change", args=[admin_quote(own)])


def page_of(staff, path):
    answer = staff.get(f"/admin/recommendations/{path}", follow=True)
    assert answer.status_code == 200
    content = answer.content.decode()
    assert str(FIRST_TEXT_ID)[:6] not in content
    return content


@pytest.mark.covered
@pytest.mark.parametrize("model", LISTS)
def test_lists_show_the_casinos_own_ids(staff, model):
    content = page_of(staff, f"{model}/")
    assert (EVENT if model == "event" else "sr:user/1 é") in content


@pytest.mark.covered
@pytest.mark.parametrize(("model", "own"), PAGES)
def test_rows_are_found_and_linked_by_their_own_ids(staff, model, own):
    link = address(model, own)
    assert link in page_of(staff, f"{model}/?q={quote(own)}")
    assert own in page_of(staff, link.removeprefix("/admin/recommendations/")) or model == "event"


def test_the_number_behind_a_text_is_no_address(staff, casino_a):
    with use_casino(casino_a.current):
        number = User.objects.exclude(pk=31).get().pk
    answer = staff.get(f"/admin/recommendations/user/{number}/change/")
    assert answer.status_code == 302


@pytest.mark.parametrize("model", ["purchasedcoupon", "servedslip", "userprofile"])
def test_rows_of_a_user_are_found_by_the_users_text(staff, model):
    assert "1 result" in page_of(staff, f"{model}/?q={quote(USER)}")
    assert "0 results" in page_of(staff, f"{model}/?q=sr:user/2")


def test_a_users_page_links_the_rows_of_the_user(staff):
    content = page_of(staff, address("user", USER).removeprefix("/admin/recommendations/"))
    assert "purchasedcoupon/?q=sr%3Auser%2F1+%C3%A9" in content
    assert "/recommend/sr:user/1%20%C3%A9" in content


def test_served_events_have_their_own_ids(staff, casino_a):
    with use_casino(casino_a.current):
        pk = ServedSlip.objects.get().pk
    content = page_of(staff, f"servedslip/{pk}/change/")
    assert EVENT in content
    assert address("user", USER) in content


def test_numbers_are_found_as_before(staff):
    assert "1 result" in page_of(staff, "user/?q=31")
    assert "Number" in page_of(staff, "user/31/change/")

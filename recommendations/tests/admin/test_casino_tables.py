"""The read-only tables of the selected casino in the admin."""

from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.auth import get_user_model
from django.db import connections
from django.test.utils import CaptureQueriesContext

from recommendations.admin.widgets import MAX_COUNTED
from recommendations.models import ServedSlip, UserProfile
from recommendations.storing import store_recommendations
from recommendations.storing.learnt_values import learn
from recommendations.tests.factories import CouponFactory, EventFactory, UserFactory, selection, served_row
from tenants.routing.context import use_casino

NO_RESULTS = "No results found"
LISTS = ["user", "event", "team", "userprofile", "purchasedcoupon", "servedslip", "producer"]


@pytest.fixture
def staff(client, casino_a, casino_b):
    client.force_login(get_user_model().objects.create_superuser("staff", password="x"))
    return client


@pytest.fixture
def in_casino_a(staff, casino_a):
    staff.post("/casino/", {"casino": casino_a.pk})
    return staff


def changelist(model, **query):
    return f"/admin/recommendations/{model}/?" + "&".join(f"{key}={value}" for key, value in query.items())


def fill(casino, count):
    with use_casino(casino.current):
        for number in range(count):
            user = UserFactory.create(id=number + 1, name=f"{casino.name}{number}")
            CouponFactory.create(user_id=user.pk, recommended_events=[selection(home_team=f"{casino.name} UNITED")] * 2)
            EventFactory.create(home_team=f"{casino.name} HOME {number}".upper())
            store_recommendations([served_row(number, user_id=user.pk)])
        learn({("sport", "FOOTBALL"), ("sport", "HANDBALL"), ("currency", "EUR"), ("gender", "FEMALE")})


def count_queries(client, url):
    with (
        CaptureQueriesContext(connections["casino_1"]) as casino,
        CaptureQueriesContext(connections["default"]) as all_,
    ):
        assert client.get(url).status_code == 200
    return len(casino), len(all_)


@pytest.mark.parametrize("model", LISTS)
def test_lists_redirect_to_the_casino_selection_without_a_casino(staff, model):
    response = staff.get(changelist(model))
    assert response.status_code == 302
    assert response.url.startswith("/casino/?next=%2Fadmin%2Frecommendations%2F")


@pytest.mark.covered
@pytest.mark.parametrize("model", LISTS)
def test_lists_take_the_same_number_of_queries_for_any_number_of_rows(in_casino_a, casino_a, model):
    fill(casino_a, 2)
    few = count_queries(in_casino_a, changelist(model))
    with use_casino(casino_a.current):
        for number in range(10, 30):
            CouponFactory.create(user_id=UserFactory.create(id=number).pk)
            EventFactory.create()
            store_recommendations([served_row(number, user_id=number)])
    assert count_queries(in_casino_a, changelist(model)) == few


@pytest.mark.covered
def test_the_selected_casino_is_shown_and_stays_selected(in_casino_a, staff, casino_a, casino_b):
    fill(casino_a, 1)
    fill(casino_b, 1)
    for _ in range(2):
        page = in_casino_a.get(changelist("user")).content.decode()
        assert "Alpha0" in page
        assert "Beta0" not in page
    staff.post("/casino/", {"casino": casino_b.pk})
    assert "Beta0" in staff.get(changelist("user")).content.decode()


@pytest.mark.covered
@pytest.mark.parametrize(
    ("model", "query", "shown", "hidden"),
    [
        ("user", {"q": "Alpha1"}, "Alpha1", "Alpha0"),
        ("user", {"q": "2"}, "Alpha1", "Alpha0"),
        ("user", {"favorite_sport": "HANDBALL"}, NO_RESULTS, "Alpha0"),
        ("user", {"currency": "EUR", "gender": "FEMALE"}, "Alpha0", NO_RESULTS),
        ("event", {"q": "alpha chelsea"}, NO_RESULTS, "ALPHA HOME"),
        ("event", {"q": "home+premier"}, "ALPHA HOME 1", NO_RESULTS),
        ("event", {"open": "yes"}, "ALPHA HOME 1", NO_RESULTS),
        ("event", {"open": "no"}, NO_RESULTS, "ALPHA HOME 1"),
        ("event", {"sport": "FOOTBALL"}, "ALPHA HOME 1", NO_RESULTS),
        ("purchasedcoupon", {"q": "2"}, "Alpha UNITED", NO_RESULTS),
        ("purchasedcoupon", {"q": "Alpha"}, NO_RESULTS, "Alpha UNITED"),
        ("user", {"q": "9" * 30}, NO_RESULTS, "Alpha0"),
        ("servedslip", {"user_id": "2"}, str(UUID(int=1)), str(UUID(int=0))),
        ("servedslip", {"q": "1"}, str(UUID(int=0)), str(UUID(int=1))),
        ("servedslip", {"recommender": "static"}, str(UUID(int=1)), NO_RESULTS),
        ("servedslip", {"recommender": "dynamic"}, NO_RESULTS, str(UUID(int=1))),
    ],
)
def test_lists_can_be_searched_and_filtered(in_casino_a, casino_a, model, query, shown, hidden):
    fill(casino_a, 2)
    page = in_casino_a.get(changelist(model, **query)).content.decode()
    assert shown in page
    assert hidden not in page


def test_coupons_can_be_filtered_by_user(in_casino_a, casino_a):
    fill(casino_a, 2)
    listed = in_casino_a.get(changelist("purchasedcoupon", user_id=2)).context["cl"].result_list
    assert [coupon.user_id for coupon in listed] == [2]


@pytest.mark.parametrize(
    ("model", "query"),
    [
        ("event", "sport=nothing"),
        ("user", "currency=nothing"),
        ("event", "open=nothing"),
        ("servedslip", "recommender=nothing"),
        ("user", "q=" + "9" * 3000),
    ],
)
def test_invalid_query_parameters_are_ignored(in_casino_a, model, query):
    assert in_casino_a.get(f"/admin/recommendations/{model}/?{query}").status_code == 200


def test_a_coupons_page_shows_its_selections_and_links_to_its_user(in_casino_a, casino_a):
    with use_casino(casino_a.current):
        odds = [selection(home_team="ARSENAL", odd=2.0), selection(home_team="<b>LEEDS", odd=1.5)]
        coupon = CouponFactory.create(
            user_id=UserFactory.create(id=7).pk, stake=Decimal("25.51"), recommended_events=odds
        )
    page = in_casino_a.get(f"/admin/recommendations/purchasedcoupon/{coupon.pk}/change/").content.decode()
    assert '<td data-label="home team">ARSENAL</td>' in page
    assert "&lt;b&gt;LEEDS" in page
    assert "3.00" in page  # total odds
    assert "/admin/recommendations/user/7/change/" in page


def test_a_coupon_of_an_unknown_user_is_listed(in_casino_a, casino_a):
    with use_casino(casino_a.current):
        CouponFactory.create(user_id=4711)
    assert "4711" in in_casino_a.get(changelist("purchasedcoupon")).content.decode()


def test_a_served_recommendations_page_shows_its_events_and_links_to_its_user(in_casino_a, casino_a):
    fill(casino_a, 1)
    with use_casino(casino_a.current):
        served = ServedSlip.objects.get()
    page = in_casino_a.get(f"/admin/recommendations/servedslip/{served.pk}/change/").content.decode()
    assert '<td data-label="event id">5</td><td data-label="odd">2.5</td><td data-label="score">0.25</td>' in page
    assert "/admin/recommendations/user/1/change/" in page


def test_served_recommendations_are_listed_newest_first(in_casino_a, casino_a, now):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
        store_recommendations([served_row(number, timestamp=now - timedelta(hours=number)) for number in (3, 1, 2)])
    page = in_casino_a.get(changelist("servedslip")).content.decode()
    places = [page.index(str(UUID(int=number))) for number in (1, 2, 3)]
    assert places == sorted(places)


def test_counting_served_recommendations_is_capped(in_casino_a, casino_a):
    fill(casino_a, 1)
    with CaptureQueriesContext(connections["casino_1"]) as queries:
        in_casino_a.get(changelist("servedslip"))
    counting = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert counting
    assert all(f"LIMIT {MAX_COUNTED}" in sql for sql in counting)


def test_a_users_page_links_to_recommendation_coupons_and_profile(in_casino_a, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create(id=7)
    page = in_casino_a.get("/admin/recommendations/user/7/change/").content.decode()
    for link in (
        "/recommend/7",
        "/admin/recommendations/purchasedcoupon/?user_id=7",
        "/userprofile/?user_id=7",
        "/servedslip/?user_id=7",
    ):
        assert link in page


def test_a_profiles_page_shows_its_favourite_pairs(in_casino_a, casino_a):
    with use_casino(casino_a.current):
        user = UserFactory.create()
        profile = UserProfile.objects.create(user=user, favorite_sport_league_json=[["FOOTBALL", "LA LIGA"]])
    page = in_casino_a.get(f"/admin/recommendations/userprofile/{profile.pk}/change/").content.decode()
    assert "<li>FOOTBALL: LA LIGA</li>" in page


@pytest.mark.covered
@pytest.mark.parametrize("model", LISTS)
def test_no_row_can_be_added(in_casino_a, model):
    assert in_casino_a.get(f"/admin/recommendations/{model}/add/").status_code == 403


@pytest.mark.covered
def test_a_casinos_page_shows_counts_of_its_rows(staff, casino_a, casino_b, now):
    fill(casino_a, 3)
    with use_casino(casino_a.current):
        EventFactory.create(begin_timestamp=now.replace(year=2020))
    page = staff.get(f"/admin/tenants/casino/{casino_a.pk}/change/").content.decode()
    assert "3 users, 4 events (3 not begun), 3 coupons" in page
    assert "0 users, 0 events" in staff.get(f"/admin/tenants/casino/{casino_b.pk}/change/").content.decode()


@pytest.mark.covered
def test_two_casinos_with_equal_ids_show_their_own_rows(in_casino_a, staff, casino_a, casino_b):
    fill(casino_a, 1)
    fill(casino_b, 1)
    assert "Alpha0" in in_casino_a.get("/admin/recommendations/user/1/change/").content.decode()
    staff.post("/casino/", {"casino": casino_b.pk})
    assert "Beta0" in staff.get("/admin/recommendations/user/1/change/").content.decode()

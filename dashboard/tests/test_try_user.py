from decimal import Decimal

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from dashboard.pages.try_user import USERS_A_PAGE
from recommendations.models import Event, User, UserProfile, UserStatus
from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.serving.explanation import NOT_PERSONAL
from recommendations.serving.recommendation import recommendation_served
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from recommendations.tests.prices.market_rows import LIVE, heard, market, producer
from recommendations.tests.recommend import recommend
from tenants.routing.context import use_casino

from .conftest import HOSTILE, staff_client, text_of

URL = "/casinos/1/try/"
USER_QUERIES = 6  # savepoint, statement timeout, the engine's one, the user with profile, coupons, release


def test_page_shows_every_recommenders_slip_and_the_configured_one_first(staff, filled):
    slips = staff.get(URL, {"user": 1}).context["preview"].slips
    assert {slip.name for slip in slips} == set(RECOMMENDERS)
    assert (slips[0].name, slips[0].is_configured) == ("inference_score", True)
    assert [slip.is_configured for slip in slips].count(True) == 1


def test_slip_is_the_one_that_the_api_returns(staff, filled):
    shown = staff.get(URL, {"user": 1}).context["preview"].slips[0].recommendation
    answer = staff.get("/recommend/1", headers={"Casino-ID": "1", "Accept": "application/json"}).json()
    assert [event["home_team"] for event in answer["bets"]] == [event.home_team for event in shown.recommended_events]
    assert len(answer["bets"]) == 3


@pytest.mark.covered
def test_scores_and_reasons_are_shown(staff, filled):
    page = text_of(staff, f"{URL}?user=1")
    assert "Alpha LEAGUE is the most frequent league in your bets" in page
    scores = [
        event.score
        for event in staff.get(URL, {"user": 1}).context["preview"].slips[0].recommendation.recommended_events
    ]
    assert all(f"score {score:.4g}" in page for score in scores)
    assert len(set(scores)) == 3


@pytest.mark.covered
def test_users_page_shows_no_other_casinos_rows(staff, filled):
    page = text_of(staff, f"{URL}?user=1")
    assert "Alpha1" in page
    assert "Beta" not in page.replace("Beta (2)", "")  # the switcher names it
    assert "Beta1" in text_of(staff, "/casinos/2/try/?user=1")


def test_previews_are_not_announced_as_served(staff, filled):
    announced = []

    def receive(served, **signal):
        announced.append(served)

    recommendation_served.connect(receive)
    try:
        assert staff.get(URL, {"user": 1}).status_code == 200
        assert announced == []
        staff.get("/recommend/1", headers={"Casino-ID": "1"})
        assert len(announced) == 1
    finally:
        recommendation_served.disconnect(receive)


def test_preview_stores_nothing_and_equals_the_next_served_recommendation(staff, filled, casino_a):
    def profile():
        with use_casino(casino_a.current):
            return UserProfile.objects.values().get(user_id=1)

    before = profile()
    assert before["favorite_sport_league_json"] is None
    slips = {slip.name: slip.recommendation for slip in staff.get(URL, {"user": 1}).context["preview"].slips}
    assert profile() == before
    with use_casino(casino_a.current):
        arguments = {"casino_id": 1, "user_id": 1, "now": slips["inference"].timestamp}
        served_slip = recommend(recommender_type="inference", **arguments)
    assert served_slip.recommended_events == slips["inference"].recommended_events
    assert profile() != before


@pytest.mark.covered
def test_users_page_takes_a_fixed_number_of_queries(staff, filled, casino_a, settings):
    settings.TRENDS_SECONDS = 3_600.0  # after which bets are read again
    staff.get(URL, {"user": 1})
    with use_casino(casino_a.current):
        TalliedCouponFactory.create_batch(30, user_id=1)
        EventFactory.create_batch(50)
    with (
        CaptureQueriesContext(connections["casino_1"]) as queries,
        CaptureQueriesContext(connections["casino_2"]) as others,
    ):
        staff.get(URL, {"user": 1})
    assert (len(queries), len(others)) == (USER_QUERIES, 0)


@pytest.mark.covered
def test_latest_coupons_link_to_their_pages(staff, filled):
    coupon = staff.get(URL, {"user": 1}).context["preview"].coupons[0]
    link = f"/admin/recommendations/purchasedcoupon/{coupon.pk}/change/"
    assert link in text_of(staff, f"{URL}?user=1")
    assert "Alpha ROVERS" in text_of(staff, link)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("status", "message"),
    [(UserStatus.SELF_EXCLUDED, "is self-excluded"), (UserStatus.TIME_OUT, "has a time-out")],
)
def test_guard_rails_hide_bets_and_give_the_reason(staff, filled, casino_a, status, message):
    with use_casino(casino_a.current):
        User.objects.filter(pk=1).update(status=status)
    page = text_of(staff, f"{URL}?user=1")
    assert message in page
    assert page.count("None: blocked by the guard rails.") == len(RECOMMENDERS)


@pytest.mark.covered
def test_a_user_who_refuses_personalisation_is_explained_and_has_no_favourites(staff, filled, casino_a):
    with use_casino(casino_a.current):
        User.objects.filter(pk=1).update(personalisation=False)
    page = text_of(staff, f"{URL}?user=1")
    assert NOT_PERSONAL in page
    assert "Not counted: this user does not allow personalisation." in page
    assert page.count("Personal: <code>") == sum(each.is_personal for each in RECOMMENDERS.values())
    assert "in your bets" not in page
    assert NOT_PERSONAL not in text_of(staff, f"{URL}?user=2") + text_of(staff, "/casinos/2/try/?user=1")


def test_limits_are_shown_and_hostile_names_escaped(staff, filled, casino_a):
    with use_casino(casino_a.current):
        User.objects.filter(pk=1).update(name=HOSTILE, stake_limit=Decimal("12.50"))
        EventFactory.create_batch(3, home_team=f"E{HOSTILE}", league=HOSTILE)
        TalliedCouponFactory.create(user_id=1, recommended_events=[selection(away_team=HOSTILE)])
    page = text_of(staff, f"{URL}?user=1") + text_of(staff, URL)
    assert "12.50 EUR" in page
    assert "&lt;script&gt;alert(1)" in page
    assert HOSTILE not in page


def test_coupon_with_malformed_selections_is_no_error(staff, filled, casino_a):
    with use_casino(casino_a.current):
        TalliedCouponFactory.create(user_id=1, recommended_events=[{"home_team": None}, {}])
    assert staff.get(URL, {"user": 1}).status_code == 200


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alpha2", [2]),
        ("LOVE alpha3", [3]),
        ("2", [2]),
        ("", [1, 2, 3]),
        ("beta", []),
        ("%", []),
        ("9" * 200, []),
        ("\0alpha1", [1]),
    ],
)
def test_users_are_found_by_id_and_by_words_of_their_names(staff, filled, text, found):
    assert [user.pk for user in staff.get(URL, {"q": text}).context["users"]] == found


def test_list_of_users_is_paginated_by_the_last_id(staff, casino_a):
    with use_casino(casino_a.current):
        UserFactory.create_each({"id": number} for number in range(1, USERS_A_PAGE + 3))
    first = staff.get(URL).context
    assert (len(first["users"]), first["next_after"]) == (USERS_A_PAGE, USERS_A_PAGE)
    rest = staff.get(URL, {"after": first["next_after"]}).context
    assert ([user.pk for user in rest["users"]], rest["next_after"]) == ([USERS_A_PAGE + 1, USERS_A_PAGE + 2], None)


@pytest.mark.covered
@pytest.mark.parametrize("user", ["4", "0", "-1", "x", "9" * 19, "9" * 40, "\0"])
def test_unknown_user_shows_the_list(staff, filled, user):
    answer = staff.get(URL, {"user": user})
    assert answer.status_code == 200
    assert len(answer.context["users"]) == 3


def test_casino_without_users_or_events_has_a_try_page(staff, casino_a):
    assert "This casino has no users yet." in text_of(staff, URL)
    with use_casino(casino_a.current):
        UserFactory.create(id=1)
    assert text_of(staff, f"{URL}?user=1").count("No event can be recommended now.") == len(RECOMMENDERS)


@pytest.mark.covered
def test_page_requires_the_admins_permissions_for_users_and_coupons(filled):
    may = staff_client("recommendations.view_user", "recommendations.view_purchasedcoupon")
    assert "Alpha1" in text_of(may, f"{URL}?user=1")
    for permission in ("recommendations.view_user", "tenants.change_casino"):
        client = staff_client(permission)
        assert client.get(URL, {"user": 1}).status_code == 403
        assert "/try/" not in text_of(client, "/casinos/1/")


def test_unavailable_casino_shows_the_reason(staff, casino_a):
    casino_a.schema_version = "older"
    casino_a.save()
    assert "is not migrated" in text_of(staff, f"{URL}?user=1")


def test_named_bets_and_events_that_were_passed_over_are_shown(staff, filled, casino_a):
    with use_casino(casino_a.current):
        first, second = Event.objects.order_by("pk")[:2]
        market(first.pk, {f"OVER {HOSTILE}": 1.91}, name="TOTALS", line="2.5")
        market(second.pk, {"HOME": 1.5}, status="suspended")
        producer(LIVE)
        heard(LIVE, seconds_ago=60)
    page = text_of(staff, f"{URL}?user=1")
    assert "TOTALS 2.5" in page
    assert "PREMATCH" in page
    assert "Prices of LIVE (feed silent) are not recommended" in page
    assert f'/casinos/1/prices/?event={first.pk}">all prices' in page
    assert f'/casinos/1/prices/?event={second.pk}">Event {second.pk}</a>: suspended' in page

"""The page of the exposure report."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from recommendations.models import ServedSlip, User
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino

from .conftest import count_queries, staff_client, text_of

URL = "/casinos/1/exposure/"


def serve(casino, now, user_id=1, **changes):
    fields = {"recommender": "hybrid", "asked_for": "hybrid", "stake": Decimal(10), "currency": "EUR"}
    events = [{"event_id": 7, "odd": 2.5, "score": 1.0}]
    with use_casino(casino.current):
        ServedSlip.objects.create(
            recommendation_id=uuid4(), user_id=user_id, timestamp=now, **fields | {"events": events} | changes
        )


def test_a_casino_without_answers_says_so(staff, filled):
    assert "No answers were recorded in this period." in text_of(staff, URL)


def test_answers_refusals_and_stakes_are_shown_by_day(staff, filled, casino_a, now):
    serve(casino_a, now)
    serve(casino_a, now, stake=0, events=[], refusal="limit_reached")
    page = text_of(staff, URL)
    assert "No such user was shown bets." in page
    assert "limit reached (1)" in page
    [day] = staff.get(URL).context["report"].days
    assert (day.answers, day.refused_share) == (2, 0.5)


def test_a_user_who_was_shown_bets_wrongly_is_named_and_no_other_casinos(staff, filled, casino_a, casino_b, now):
    with use_casino(casino_b.current):
        User.objects.filter(pk=1).update(status="CLOSED", status_as_of=now - timedelta(hours=1))
    serve(casino_b, now)
    serve(casino_a, now)
    assert "No such user was shown bets." in text_of(staff, URL)
    page = text_of(staff, "/casinos/2/exposure/")
    assert "1 answer showed bets to users who must not get them." in page
    assert '/admin/recommendations/user/1/change/">1</a>' in page


@pytest.mark.covered
@pytest.mark.parametrize(("asked", "days"), [("1", 1), ("28", 28), ("0", 7), ("<script>", 7), ("1000", 7)])
def test_a_period_is_chosen_among_three(staff, filled, asked, days):
    assert staff.get(URL, {"days": asked}).context["days"] == days


def test_it_takes_as_many_queries_for_many_days(staff, filled, casino_a, now):
    serve(casino_a, now)
    staff.get(URL)  # stores the chosen casino in the session
    first = count_queries(staff, URL)
    for number in range(5):
        serve(casino_a, now - timedelta(days=number))
    assert count_queries(staff, URL) == first
    assert first[2] == 0


def test_it_requires_the_permissions_for_users_and_coupons(filled):
    assert staff_client("recommendations.view_user").get(URL).status_code == 403
    assert staff_client("recommendations.view_user", "recommendations.view_purchasedcoupon").get(URL).status_code == 200


def test_an_unavailable_casino_shows_the_reason(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(state=CasinoState.CREATING)
    assert "This casino has no database to read" in text_of(staff, URL)

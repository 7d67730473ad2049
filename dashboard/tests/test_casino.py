import re
from datetime import timedelta

import pytest

from ingestion.models import MessageCount
from recommendations.storing.rebuild import rebuild_casino_tallies
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory, selection
from tenants.http.middleware import CHOSEN_CASINO
from tenants.models import Casino, CasinoState
from tenants.routing.context import use_casino

from .conftest import HOSTILE, count_queries, staff_client, text_of

CASINO_QUERIES = (
    # savepoint, patience, hours, latencies, glance, today, leagues, teams, quality, rejections, waiting, evaluation,
    # release
    13
)


def test_a_casinos_page_shows_its_own_rows_and_no_others(staff, filled):
    page = text_of(staff, "/casinos/1/")
    for shown in ("Alpha LEAGUE", "Alpha ROVERS", ">41<", ">71<"):
        assert shown in page
    assert "Beta LEAGUE" not in page
    assert "Beta ROVERS" not in page
    assert "Beta LEAGUE" in text_of(staff, "/casinos/2/")


def test_an_empty_casinos_page_says_of_each_part_that_there_is_nothing(staff):
    page = text_of(staff, "/casinos/1/")
    assert page.count("No coupons yet.") == 2
    assert "No message in the latest 7 days." in page
    assert "None in 7 days." in page
    assert page.count("None in the latest 48 hours.") == 8  # told in the plot, and as a table


def test_a_page_asks_its_own_casino_so_often_however_much_there_is(staff, filled, casino_a, now):
    staff.get("/casinos/1/")
    few = count_queries(staff, "/casinos/1/")
    with use_casino(casino_a.current):
        for number in range(10, 40):
            UserFactory.create(id=number)
            TalliedCouponFactory.create(user_id=number, recommended_events=[selection(league=f"L{number}")])
        for hours in range(1, 40):
            hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
            MessageCount.objects.create(
                topic="users", hour=hour, outcome="missing", is_rejection=True, count=1, last_at=hour
            )
    assert count_queries(staff, "/casinos/1/") == few == (few[0], CASINO_QUERIES, 0)


def test_plots_are_described_and_stand_as_tables_too(staff, filled):
    page = text_of(staff, "/casinos/1/")
    assert page.count('<svg viewBox="0 0 480 100"') == 4
    for name in re.findall(r'aria-labelledby="([^"]+)"', page):
        assert all(f'id="{each}"' in page for each in name.split())
    assert "41 in the latest 48 hours; at most 41 an hour" in page
    assert re.search(r"<th scope=\"row\">\d+ \w+ \d\d:00</th><td class=\"rs-num\">41</td>", page)


def test_hostile_text_of_messages_teams_and_leagues_is_shown_as_text(staff, filled, casino_a):
    with use_casino(casino_a.current):
        bet = selection(league=f"L{HOSTILE}", home_team=f"T{HOSTILE}")
        TalliedCouponFactory.create(user_id=1, recommended_events=[bet])
        rebuild_casino_tallies()
    page = text_of(staff, "/casinos/1/")
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert HOSTILE not in page


def test_rejections_lead_to_their_dead_letters_for_those_who_may_see_them(staff, filled):
    link = 'href="/admin/ingestion/dead-letters/?topic=users&amp;reason=missing"'
    assert link in text_of(staff, "/casinos/1/")
    others = text_of(staff_client(), "/casinos/1/")
    assert "dead-letters" not in others
    assert "Alpha &lt;script" not in others


def test_the_casino_whose_page_is_opened_becomes_the_one_that_is_worked_with(staff, filled):
    staff.get("/casinos/2/")
    assert staff.session[CHOSEN_CASINO] == 2
    assert "Beta1" in text_of(staff, "/admin/recommendations/user/")
    assert staff.get("/casinos/chosen/").url == "/casinos/2/"


def test_the_switcher_on_a_casinos_page_leads_to_the_page_of_the_other(staff, filled):
    page = text_of(staff, "/casinos/1/")
    [target] = re.findall(r'name="next" value="([^"]+)"', page)
    answer = staff.post("/casino/", {"casino": "2", "next": target}, follow=True)
    assert answer.redirect_chain[-1] == ("/casinos/2/", 302)
    assert staff.post("/casino/", {"casino": "", "next": target}, follow=True).redirect_chain[-1] == ("/", 302)


def test_a_suspended_casino_is_shown_and_none_is_chosen_so_that_no_link_leads_to_anothers_rows(staff, filled):
    staff.get("/casinos/1/")
    Casino.objects.filter(pk=2).update(state=CasinoState.SUSPENDED)
    assert "Beta LEAGUE" in text_of(staff, "/casinos/2/")
    assert CHOSEN_CASINO not in staff.session


@pytest.mark.parametrize("casino_id", ["3", "0", "9" * 25])
@pytest.mark.parametrize("rest", ["", "try/", "configuration/"])
def test_a_casino_that_there_is_not_is_not_found(staff, casino_id, rest):
    assert staff.get(f"/casinos/{casino_id}/{rest}").status_code == 404


def test_a_deleted_casino_is_not_found(staff):
    Casino.objects.filter(pk=2).update(state=CasinoState.DELETED)
    assert staff.get("/casinos/2/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/casinos/1/", "/casinos/1/try/", "/casinos/chosen/"])
def test_pages_that_only_show_take_no_posts(staff, path):
    assert staff.post(path).status_code == 405


def test_events_that_are_over_or_closed_are_not_counted_as_open(staff, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(status="SUSPENDED")
        EventFactory.create(begin_timestamp=now - timedelta(hours=1))
        EventFactory.create()
    assert staff.get("/casinos/1/").context["figures"].glance.open_events == 1


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch;prerender"}]
)
def test_page_that_nobody_meant_to_open_does_not_change_what_other_pages_work_on(staff, filled, headers):
    staff.get("/casinos/1/")
    assert staff.get("/casinos/2/", headers=headers).status_code == 200
    assert staff.session["casino_id"] == 1


def test_a_casino_that_moves_is_read_and_chosen(staff, filled):
    staff.get("/casinos/1/")
    Casino.objects.filter(pk=2).update(state=CasinoState.MOVING)
    staff.get("/casinos/2/")
    assert staff.session[CHOSEN_CASINO] == 2

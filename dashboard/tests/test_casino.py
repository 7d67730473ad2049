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
    # savepoint, statement timeout, hours, latencies, totals, today, leagues, teams, quality, rejections, waiting,
    # model, evaluation, recommendations of two weeks, release
    15
)


def test_casinos_page_shows_its_own_rows_and_no_others(staff, filled):
    page = text_of(staff, "/casinos/1/")
    for shown in ("Alpha LEAGUE", "Alpha ROVERS", ">41<", ">71<"):
        assert shown in page
    assert "Beta LEAGUE" not in page
    assert "Beta ROVERS" not in page
    assert "Beta LEAGUE" in text_of(staff, "/casinos/2/")


def test_every_part_of_an_empty_casinos_page_says_that_there_is_nothing(staff):
    page = text_of(staff, "/casinos/1/")
    assert page.count("No coupons yet.") == 2
    assert "No messages in the last 7 days." in page
    assert "None in the last 7 days." in page
    assert page.count("None in the last 48 hours.") == 8  # in the SVG and in the table of each chart


@pytest.mark.covered
def test_number_of_queries_does_not_depend_on_the_number_of_rows(staff, filled, casino_a, now):
    staff.get("/casinos/1/")
    few = count_queries(staff, "/casinos/1/")
    with use_casino(casino_a.current):
        UserFactory.create_each({"id": number} for number in range(10, 40))
        TalliedCouponFactory.create_each(
            {"user_id": number, "recommended_events": [selection(league=f"L{number}")]} for number in range(10, 40)
        )
        for hours in range(1, 40):
            hour = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours)
            MessageCount.objects.create(
                topic="users", hour=hour, outcome="missing", is_rejection=True, count=1, last_at=hour
            )
    assert count_queries(staff, "/casinos/1/") == few == (few[0], CASINO_QUERIES, 0)


def test_charts_have_a_title_a_description_and_a_table(staff, filled):
    page = text_of(staff, "/casinos/1/")
    assert page.count('<svg viewBox="0 0 480 100"') == 4
    for name in re.findall(r'aria-(?:labelledby|describedby)="([^"]+)"', page):
        assert all(f'id="{each}"' in page for each in name.split())
    assert "41 in the last 48 hours; maximum 41 per hour" in page
    assert re.search(r"<th scope=\"row\">\d+ \w+ \d\d:00</th><td class=\"rs-num\">41</td>", page)


def test_hostile_text_of_messages_teams_and_leagues_is_escaped(staff, filled, casino_a):
    with use_casino(casino_a.current):
        bet = selection(league=f"L{HOSTILE}", home_team=f"T{HOSTILE}")
        TalliedCouponFactory.create(user_id=1, recommended_events=[bet])
        rebuild_casino_tallies()
    page = text_of(staff, "/casinos/1/")
    assert page.count("&lt;script&gt;alert(1)") >= 3
    assert HOSTILE not in page


def test_rejections_link_to_their_dead_letters_with_permission_to_see_them(staff, filled):
    link = 'href="/admin/ingestion/deadletter/?topic=users&amp;reason=missing"'
    assert link in text_of(staff, "/casinos/1/")
    others = text_of(staff_client(), "/casinos/1/")
    assert "deadletter" not in others
    assert "Alpha &lt;script" not in others


def test_opening_a_casinos_page_chooses_it_for_the_session(staff, filled):
    staff.get("/casinos/2/")
    assert staff.session[CHOSEN_CASINO] == 2
    assert "Beta1" in text_of(staff, "/admin/recommendations/user/")
    assert staff.get("/casinos/chosen/").url == "/casinos/2/"


def test_switcher_on_a_casinos_page_opens_the_other_casinos_page(staff, filled):
    page = text_of(staff, "/casinos/1/")
    [target] = re.findall(r'name="next" value="([^"]+)"', page)
    answer = staff.post("/casino/", {"casino": "2", "next": target}, follow=True)
    assert answer.redirect_chain[-1] == ("/casinos/2/", 302)
    assert staff.post("/casino/", {"casino": "", "next": target}, follow=True).redirect_chain[-1] == ("/", 302)


def test_opening_a_suspended_casino_shows_it_and_chooses_none(staff, filled):
    staff.get("/casinos/1/")
    Casino.objects.filter(pk=2).update(state=CasinoState.SUSPENDED)
    assert "Beta LEAGUE" in text_of(staff, "/casinos/2/")
    assert CHOSEN_CASINO not in staff.session


@pytest.mark.covered
@pytest.mark.parametrize("casino_id", ["3", "0", "9" * 25])
@pytest.mark.parametrize("rest", ["", "try/", "prices/", "feeds/", "configuration/"])
def test_unknown_casino_gets_404(staff, casino_id, rest):
    assert staff.get(f"/casinos/{casino_id}/{rest}").status_code == 404


def test_deleted_casino_gets_404(staff):
    Casino.objects.filter(pk=2).update(state=CasinoState.DELETED)
    assert staff.get("/casinos/2/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/prices/", "/casinos/chosen/"])
def test_read_only_pages_reject_posts(staff, path):
    assert staff.post(path).status_code == 405


def test_begun_and_suspended_events_are_not_counted_as_open(staff, casino_a, now):
    with use_casino(casino_a.current):
        EventFactory.create(status="SUSPENDED")
        EventFactory.create(begin_timestamp=now - timedelta(hours=1))
        EventFactory.create()
    assert staff.get("/casinos/1/").context["statistics"].totals.open_events == 1


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none", "Sec-Purpose": "prefetch;prerender"}]
)
def test_cross_site_and_prefetched_pages_do_not_change_the_chosen_casino(staff, filled, headers):
    staff.get("/casinos/1/")
    assert staff.get("/casinos/2/", headers=headers).status_code == 200
    assert staff.session["casino_id"] == 1


def test_moving_casino_is_read_and_chosen(staff, filled):
    staff.get("/casinos/1/")
    Casino.objects.filter(pk=2).update(state=CasinoState.MOVING)
    staff.get("/casinos/2/")
    assert staff.session[CHOSEN_CASINO] == 2

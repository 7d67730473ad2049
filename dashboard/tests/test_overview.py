import time

import pytest
from django.test import Client

from dashboard.pages.overview import CASINOS_A_PAGE
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer

from .conftest import HOSTILE, count_queries, staff_client, text_of


def rows(client, **query):
    return {row.casino.name: row for row in client.get("/", query).context["rows"]}


def add_casinos(count, **fields):
    Casino.objects.bulk_create(Casino(id=100 + n, name=f"N{n:03}", **fields) for n in range(count))


@pytest.mark.parametrize("path", ["/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/configuration/"])
@pytest.mark.parametrize("is_open", [True, False])
def test_strangers_and_logins_that_are_no_staff_are_led_to_the_login(casino_a, settings, path, is_open):
    settings.RECSYS_OPEN_API = is_open
    for client in (Client(), staff_client(is_staff=False)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")


def test_each_casino_has_the_figures_of_its_own_database(staff, filled, casino_a, casino_b):
    Casino.objects.filter(pk=casino_b.pk).update(recommender_type="static")
    found = rows(staff)
    for casino in (casino_a, casino_b):
        glance, today = found[casino.name].figures.glance, found[casino.name].figures.today
        assert (glance.users, glance.open_events, glance.coupons_today) == (3, 5, 3)
        assert (today.served, today.rejected) == (40 + casino.pk, 70 + casino.pk)
    page = text_of(staff, "/")
    assert "<code>inference_score</code>" in page
    assert "<code>static</code>" in page


def test_an_empty_casino_has_noughts(staff):
    row = rows(staff)["Alpha"]
    assert (row.figures.glance.users, row.figures.today.served, row.figures.today.last_stored) == (0, 0, None)
    assert "not configured" in text_of(staff, "/")


def test_without_casinos_the_page_says_how_to_make_one(admin_client):
    assert "There is no casino yet" in text_of(admin_client, "/")


def test_a_page_costs_the_catalogue_the_same_for_two_casinos_and_for_hundreds(staff, filled):
    staff.get("/")
    few = count_queries(staff, "/")
    add_casinos(300)
    many = count_queries(staff, "/")
    assert many[0] == few[0]
    assert few[1:] == (5, 5)  # savepoint, patience, glance, today, release


def test_a_page_asks_only_the_casinos_that_it_shows(staff, filled):
    add_casinos(CASINOS_A_PAGE)
    page = staff.get("/", {"page": 2})
    assert len(page.context["rows"]) == 2
    assert len(rows(staff)) == CASINOS_A_PAGE
    assert count_queries(staff, "/?page=2")[1:] == (0, 0)


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, ""])
def test_a_page_that_there_is_not_is_another_page(staff, number):
    assert staff.get("/", {"page": number}).status_code == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"q": "alp"}, {"Alpha"}),
        ({"q": "2"}, {"Beta"}),
        ({"q": "%"}, set()),
        ({"q": "9" * 30}, set()),
        ({"q": "²"}, set()),
        ({"q": "Al\0pha"}, {"Alpha"}),
        ({"state": "suspended"}, {"Gamma"}),
        ({"state": "nonsense"}, {"Alpha", "Beta", "Gamma"}),
    ],
)
def test_casinos_are_found_by_name_id_and_state(staff, query, found):
    Casino.objects.create(
        id=3, name="Gamma", state=CasinoState.SUSPENDED, server_id="main", db_name="none", schema_version="older"
    )
    assert set(rows(staff, **query)) == found


def test_deleted_casinos_are_not_shown(staff):
    Casino.objects.filter(name="Beta").update(state=CasinoState.DELETED)
    assert set(rows(staff)) == {"Alpha"}


def test_names_are_shown_as_text(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(name=f"A{HOSTILE}")
    page = text_of(staff, "/?q=%3Cscript%3E") + text_of(staff, f"/casinos/{casino_a.pk}/")
    assert "&lt;script&gt;alert(1)" in page
    assert HOSTILE not in page


def test_a_casino_whose_database_is_gone_is_away_and_the_others_are_shown(staff, filled, casino_a):
    CasinoDatabase.objects.create(casino=casino_a, generation=9, server_id="main", db_name="gone")
    Casino.objects.filter(pk=casino_a.pk).update(generation=9, db_name="gone")
    found = rows(staff)
    assert found["Alpha"].away.is_outage
    assert found["Beta"].figures.glance.users == 3
    assert "does not answer" in text_of(staff, "/")
    assert "does not answer" in text_of(staff, "/casinos/1/")


def test_a_casino_that_is_behind_or_has_no_database_says_so(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(schema_version="older")
    Casino.objects.create(id=3, name="Gamma", state=CasinoState.FAILED, state_detail="disk full")
    found = rows(staff)
    assert "migrated first" in found["Alpha"].away.reason
    assert "no database" in found["Gamma"].away.reason
    assert "disk full" in text_of(staff, "/casinos/3/")


def test_a_server_that_does_not_answer_is_waited_for_once_a_page(staff, filled, silent_server):
    DatabaseServer.objects.create(name="east")
    version = Casino.objects.get(pk=1).schema_version
    Casino.objects.bulk_create(
        Casino(
            id=n, name=f"N{n}", state="active", server_id="east", db_name=f"n{n}", generation=1, schema_version=version
        )
        for n in range(101, 106)
    )
    started = time.monotonic()
    found = rows(staff)
    assert time.monotonic() - started < 2 * silent_server
    assert [row.away.is_outage for name, row in sorted(found.items()) if name.startswith("N")] == [True] * 5
    assert found["Beta"].figures.glance.users == 3


def test_lag_is_for_those_who_may_see_messages(staff, casino_a):
    assert "still to be read" in text_of(staff, "/").lower()
    assert "still to be read" not in text_of(staff_client(), "/").lower()

import pytest
from django.test import Client

from dashboard.pages.overview import CASINOS_A_PAGE
from tenants.models import Casino, CasinoDatabase, CasinoState, DatabaseServer
from tenants.tests.waiting import require_quick

from .conftest import HOSTILE, count_queries, staff_client, text_of


def rows(client, **query):
    return {row.casino.name: row for row in client.get("/", query).context["rows"]}


def add_casinos(count, **fields):
    Casino.objects.bulk_create(Casino(id=100 + n, name=f"N{n:03}", **fields) for n in range(count))


@pytest.mark.covered
@pytest.mark.parametrize("path", ["/", "/casinos/1/", "/casinos/1/try/", "/casinos/1/configuration/"])
@pytest.mark.parametrize("is_open", [True, False])
def test_anonymous_and_non_staff_callers_are_redirected_to_the_login(casino_a, settings, path, is_open):
    settings.RECSYS_OPEN_API = is_open
    for client in (Client(), staff_client(is_staff=False)):
        answer = client.get(path)
        assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/admin/login/")


def test_each_casino_has_the_statistics_of_its_own_database(staff, filled, casino_a, casino_b):
    Casino.objects.filter(pk=casino_b.pk).update(recommender_type="static")
    found = rows(staff)
    for casino in (casino_a, casino_b):
        totals, today = found[casino.name].statistics.totals, found[casino.name].statistics.today
        assert (totals.users, totals.open_events, totals.coupons_today) == (3, 5, 3)
        assert (today.served, today.rejected) == (40 + casino.pk, 70 + casino.pk)
    page = text_of(staff, "/")
    assert "<code>inference_score</code>" in page
    assert "<code>static</code>" in page


def test_empty_casino_has_zeros(staff):
    row = rows(staff)["Alpha"]
    assert (row.statistics.totals.users, row.statistics.today.served, row.statistics.today.last_stored) == (0, 0, None)
    assert "not configured" in text_of(staff, "/")


def test_page_without_casinos_explains_how_to_create_one(admin_client):
    assert "There is no casino yet" in text_of(admin_client, "/")


@pytest.mark.covered
def test_number_of_catalogue_queries_does_not_depend_on_the_number_of_casinos(staff, filled):
    staff.get("/")
    few = count_queries(staff, "/")
    add_casinos(300)
    many = count_queries(staff, "/")
    assert many[0] == few[0]
    assert few[1:] == (5, 5)  # savepoint, statement timeout, totals, today, release


def test_page_queries_only_the_casinos_that_it_shows(staff, filled):
    add_casinos(CASINOS_A_PAGE)
    page = staff.get("/", {"page": 2})
    assert len(page.context["rows"]) == 2
    assert len(rows(staff)) == CASINOS_A_PAGE
    assert count_queries(staff, "/?page=2")[1:] == (0, 0)


@pytest.mark.covered
@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 30, ""])
def test_invalid_page_number_shows_another_page(staff, number):
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


def test_names_are_escaped(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(name=f"A{HOSTILE}")
    page = text_of(staff, "/?q=%3Cscript%3E") + text_of(staff, f"/casinos/{casino_a.pk}/")
    assert "&lt;script&gt;alert(1)" in page
    assert HOSTILE not in page


def test_casino_with_a_missing_database_is_unavailable_and_others_are_shown(staff, filled, casino_a):
    CasinoDatabase.objects.create(casino=casino_a, generation=9, server_id="main", db_name="gone")
    Casino.objects.filter(pk=casino_a.pk).update(generation=9, db_name="gone")
    found = rows(staff)
    assert found["Alpha"].unavailable.is_outage
    assert found["Beta"].statistics.totals.users == 3
    assert "does not answer" in text_of(staff, "/")
    assert "does not answer" in text_of(staff, "/casinos/1/")


def test_casino_with_pending_migrations_or_no_database_shows_the_reason(staff, casino_a):
    Casino.objects.filter(pk=casino_a.pk).update(schema_version="older")
    Casino.objects.create(id=3, name="Gamma", state=CasinoState.FAILED, state_detail="disk full")
    found = rows(staff)
    assert "is not migrated" in found["Alpha"].unavailable.reason
    assert "no database" in found["Gamma"].unavailable.reason
    assert "disk full" in text_of(staff, "/casinos/3/")


@pytest.mark.slow
def test_unresponsive_server_is_waited_for_once_per_page(staff, filled, silent_server):
    DatabaseServer.objects.create(name="east")
    version = Casino.objects.get(pk=1).schema_version
    Casino.objects.bulk_create(
        Casino(
            id=n, name=f"N{n}", state="active", server_id="east", db_name=f"n{n}", generation=1, schema_version=version
        )
        for n in range(101, 106)
    )

    def read_overview() -> None:
        found = rows(staff)
        assert [row.unavailable.is_outage for name, row in sorted(found.items()) if name.startswith("N")] == [True] * 5
        assert found["Beta"].statistics.totals.users == 3

    require_quick(read_overview, 2 * silent_server)


def test_consumer_lag_requires_permission_to_see_messages(staff, casino_a):
    assert "consumer lag" in text_of(staff, "/").lower()
    assert "consumer lag" not in text_of(staff_client(), "/").lower()

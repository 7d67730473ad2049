import re

import pytest
from django.contrib.auth.models import User as StaffUser
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants.models import Casino, CasinoState, DatabaseServer, ServerState
from tenants.routing.context import use_casino
from tenants.tests.casino_rows import User

pytestmark = pytest.mark.slow

LIST = "/admin/tenants/casino/"


@pytest.fixture
def admin_of_real_casinos(real_databases):
    client = Client()
    client.force_login(StaffUser.objects.create_superuser("admin"))
    return client


def _messages(response):
    return [str(message) for message in response.context["messages"]]


def test_adding_a_casino_creates_its_database(admin_of_real_casinos):
    response = admin_of_real_casinos.post(f"{LIST}add/", {"name": "Gamma"}, follow=True)
    casino = Casino.objects.get()
    assert (casino.name, casino.state) == ("Gamma", CasinoState.ACTIVE)
    assert f"Gamma (casino {casino.pk}) is ready: database {casino.db_name}." in _messages(response)
    with use_casino(casino.current):
        assert not User.objects.exists()


def test_casino_whose_creation_failed_is_added_as_failed_with_the_reason(admin_of_real_casinos):
    DatabaseServer.objects.update(state=ServerState.CLOSED)
    response = admin_of_real_casinos.post(f"{LIST}add/", {"name": "Gamma"}, follow=True)
    assert any("main is closed to new casinos" in message for message in _messages(response))
    assert Casino.objects.get().state == CasinoState.FAILED


def test_renaming_a_casino_creates_no_database(admin_of_real_casinos):
    casino = Casino.objects.create(name="Gamma")
    admin_of_real_casinos.post(f"{LIST}{casino.pk}/change/", {"name": "Delta", "state": "active", "db_name": "any"})
    casino.refresh_from_db()
    assert (casino.name, casino.state, casino.db_name) == ("Delta", CasinoState.REQUESTED, None)


def test_taken_name_is_refused_on_the_form_and_a_deleted_casinos_is_free(admin_client, casino_a, casino_b):
    for url in (f"{LIST}add/", f"{LIST}2/change/"):
        page = admin_client.post(url, {"name": "Alpha"})
        assert page.context["adminform"].form.errors == {"name": ["A casino named 'Alpha' already exists."]}
    Casino.objects.filter(pk=1).update(state=CasinoState.DELETED)
    assert admin_client.post(f"{LIST}2/change/", {"name": "Alpha"}).status_code == 302
    casino_b.refresh_from_db()
    assert casino_b.name == "Alpha"


def test_djangos_own_deletion_is_not_offered(admin_client, casino_a):
    assert admin_client.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": [1], "post": "yes"})
    assert Casino.objects.get(pk=1).state == CasinoState.ACTIVE


@pytest.mark.covered
@pytest.mark.parametrize(("term", "found"), [("lph", ["Alpha"]), ("2", ["Beta"]), ("test_casino_1", ["Alpha"])])
def test_casinos_are_found_by_name_id_and_database(admin_client, casino_a, casino_b, term, found):
    response = admin_client.get(reverse("admin:tenants_casino_changelist"), {"q": term})
    assert [casino.name for casino in response.context["cl"].result_list] == found


def test_page_of_a_casino_shows_read_only_fields(admin_client, casino_a):
    page = admin_client.get(f"{LIST}1/change/")
    assert list(page.context["adminform"].form.fields) == ["name", "request_rate", "request_bytes"]
    content = page.content.decode()
    for shown in ("test_casino_1", "active", str(casino_a.identity), casino_a.schema_version):
        assert shown in content


def _row(page, name):
    [row] = [part for part in page.content.decode().split("<tr") if f">{name}</a>" in part]
    return row


def test_list_shows_state_server_generation_and_up_to_date(admin_client, casino_a, casino_b):
    Casino.objects.filter(pk=1).update(schema_version="older", generation=7)
    Casino.objects.create(id=3, name="Gamma")
    page = admin_client.get(LIST)
    alpha, beta, gamma = (_row(page, name) for name in ("Alpha", "Beta", "Gamma"))
    assert 'title="False"' in alpha
    assert 'title="True"' in beta
    assert 'title="Unknown"' in gamma
    assert re.search(r"field-generation[^>]*>\s*7\s*<", alpha)
    assert re.search(r"field-state[^>]*>\s*active\s*<", beta)
    assert "main" in alpha
    assert re.search(r"field-state[^>]*>\s*requested\s*<", gamma)


def test_list_runs_as_many_queries_for_many_casinos_as_for_one(admin_client, casino_a):
    def count():
        with CaptureQueriesContext(connections["default"]) as queries:
            assert admin_client.get(LIST).status_code == 200
        return len(queries)

    one = count()
    for number in range(3, 10):
        Casino.objects.create(
            id=number, name=str(number), state=CasinoState.ACTIVE, db_name=f"any_{number}", server_id="main",
            schema_version=casino_a.schema_version,
        )  # fmt: skip
    assert count() == one


def test_page_of_a_casino_counts_its_rows_unless_it_has_to_be_migrated_first(admin_client, casino_a):
    assert "0 users, 0 events" in admin_client.get(f"{LIST}1/change/").content.decode()
    Casino.objects.update(schema_version="older")
    assert "not available before it is migrated" in admin_client.get(f"{LIST}1/change/").content.decode()


def test_page_of_a_casino_on_a_server_without_an_address_is_shown(admin_client, casino_a):
    DatabaseServer.objects.create(name="east")
    Casino.objects.filter(pk=1).update(server="east", generation=9)
    assert "database unavailable" in admin_client.get(f"{LIST}1/change/").content.decode()

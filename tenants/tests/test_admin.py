import pytest
from django.contrib.auth.models import User as StaffUser
from django.test import Client
from django.urls import reverse

from tenants.context import use_casino
from tenants.models import Casino, CasinoState
from tenants.server import quoted, server_cursor

from .rows import User

LIST = "/admin/tenants/casino/"


@pytest.fixture
def admin_of_real_casinos(real_databases):
    client = Client()
    client.force_login(StaffUser.objects.create_superuser("admin"))
    return client


def _messages(response):
    return [str(message) for message in response.context["messages"]]


def test_adding_a_casino_makes_its_database(admin_of_real_casinos):
    response = admin_of_real_casinos.post(f"{LIST}add/", {"name": "Gamma"}, follow=True)
    casino = Casino.objects.get()
    assert (casino.name, casino.state) == ("Gamma", CasinoState.ACTIVE)
    assert f"Gamma (casino {casino.pk}) is ready: database {casino.db_name}." in _messages(response)
    with use_casino(casino.current):
        assert not User.objects.exists()


def test_renaming_a_casino_makes_nothing(admin_of_real_casinos):
    casino = Casino.objects.create(name="Gamma")
    admin_of_real_casinos.post(f"{LIST}{casino.pk}/change/", {"name": "Delta", "state": "active", "db_name": "any"})
    casino.refresh_from_db()
    assert (casino.name, casino.state, casino.db_name) == ("Delta", CasinoState.REQUESTED, None)


def test_casino_that_failed_says_why_and_can_be_finished(admin_of_real_casinos):
    casino = Casino.objects.create(name="Gamma")
    name = f"test_casino_{casino.pk}"
    finish = {"action": "finish_provisioning", "_selected_action": [casino.pk]}
    with server_cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {quoted(name)}")
        assert "exists already" in "".join(_messages(admin_of_real_casinos.post(LIST, finish, follow=True)))
        cursor.execute(f"DROP DATABASE {quoted(name)}")
    assert _messages(admin_of_real_casinos.post(LIST, finish, follow=True)) == [
        f"Gamma (casino {casino.pk}) is ready: database {name}."
    ]
    casino.refresh_from_db()
    assert casino.state == CasinoState.ACTIVE


def test_casino_cannot_be_deleted(admin_client, casino_a):
    assert admin_client.post(f"{LIST}1/delete/", {"post": "yes"}).status_code == 403
    admin_client.post(LIST, {"action": "delete_selected", "_selected_action": [1], "post": "yes"})
    assert Casino.objects.filter(pk=1).exists()


@pytest.mark.parametrize(("wanted", "found"), [("lph", ["Alpha"]), ("2", ["Beta"]), ("test_casino_1", ["Alpha"])])
def test_casinos_are_found_by_name_id_and_database(admin_client, casino_a, casino_b, wanted, found):
    response = admin_client.get(reverse("admin:tenants_casino_changelist"), {"q": wanted})
    assert [casino.name for casino in response.context["cl"].result_list] == found


def test_page_of_a_casino_shows_what_it_may_not_change(admin_client, casino_a):
    page = admin_client.get(f"{LIST}1/change/")
    assert list(page.context["adminform"].form.fields) == ["name"]
    assert "test_casino_1" in page.content.decode()

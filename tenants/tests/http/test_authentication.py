from base64 import b64encode

import pytest
from django.contrib.auth.models import Permission
from django.contrib.auth.models import User as StaffUser
from django.http import HttpRequest
from django.test import Client

from tenants.http.request_state import may_choose_casino
from tenants.models import CasinoState

pytestmark = pytest.mark.slow

HEADERS = {"Casino-ID": "1"}


@pytest.fixture(autouse=True)
def closed_installation(settings, casino_a):
    settings.RECSYS_OPEN_API = False
    casino_a.recommender_type, casino_a.recommendation_schema = "static", {"user_id": {}}
    casino_a.save()


@pytest.fixture
def staff(django_user_model):
    return django_user_model.objects.create_user("staff", password="secret", is_staff=True)


@pytest.fixture
def outsider(django_user_model):
    return django_user_model.objects.create_user("outsider", password="secret")


def _basic(name, password):
    return {"Authorization": "Basic " + b64encode(f"{name}:{password}".encode()).decode()}


def test_anonymous_request_gets_401_with_instructions(client):
    response = client.get("/config", headers=HEADERS)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Api-Key")
    assert response["Content-Type"] == "application/json"
    assert response.json() == {
        "error": "Authentication required: send 'Authorization: Api-Key ..' or log in as staff.",
        "code": "not_authenticated",
        "details": None,
    }


@pytest.mark.parametrize(
    ("method", "path"), [("post", "/config"), ("get", "/recommend/1"), ("get", "/config"), ("put", "/config")]
)
def test_every_anonymous_request_gets_401(client, method, path):
    response = getattr(client, method)(path, headers=HEADERS)
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


def test_401_is_the_same_for_existing_and_missing_casinos(client, casino_b):
    casino_b.state = CasinoState.FAILED
    casino_b.save()
    answers = {client.get("/config", headers={"Casino-ID": text}).content for text in ("1", "2", "3", "one")}
    assert len(answers) == 1


def test_staff_session_is_accepted(client, staff):
    client.force_login(staff)
    assert client.get("/config", headers=HEADERS).json()["recommender_type"] == "static"


def test_staff_password_is_accepted(client, staff):
    assert client.get("/config", headers=HEADERS | _basic("staff", "secret")).status_code == 200


def test_wrong_password_is_refused(client, staff):
    response = client.get("/config", headers=HEADERS | _basic("staff", "guess"))
    assert (response.status_code, response.json()["error"]) == (401, "Invalid username/password.")


def test_login_that_is_not_staff_is_refused(client, outsider):
    client.force_login(outsider)
    response = client.get("/config", headers=HEADERS)
    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"


def test_deactivated_staff_is_refused(client, staff):
    client.force_login(staff)
    staff.is_active = False
    staff.save()
    assert client.get("/config", headers=HEADERS).status_code == 401


def test_change_by_a_session_needs_its_csrf_token(staff):
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    response = client.post("/config", {}, headers=HEADERS)
    assert response.status_code == 403
    assert "CSRF" in response.json()["error"]


def test_open_installation_accepts_everybody(client, settings):
    settings.RECSYS_OPEN_API = True
    assert client.get("/config", headers=HEADERS).status_code == 200


@pytest.mark.parametrize(
    ("is_open", "is_active", "is_staff", "may"),
    [
        (False, True, True, True),
        (False, False, True, False),
        (False, True, False, False),
        (True, False, False, True),
    ],
)
def test_staff_may_choose_a_casino_and_others_only_where_it_is_open(settings, is_open, is_active, is_staff, may):
    settings.RECSYS_OPEN_API = is_open
    request = HttpRequest()
    request.user = StaffUser(is_active=is_active, is_staff=is_staff)
    assert may_choose_casino(request) is may


def test_login_with_a_nul_is_refused(client):
    credentials = b64encode(b"sta\0ff:secret").decode()
    answer = client.get("/config", headers={**HEADERS, "Authorization": f"Basic {credentials}"})
    assert answer.status_code in (401, 403)


@pytest.mark.covered
@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("post", "/config", "change_casino"),
        ("get", "/recommend/1", "view_user"),
        ("post", "/recommend", "view_user"),
        ("delete", "/users/1", "delete_user"),
    ],
)
def test_login_needs_the_permission_that_the_pages_need(
    casino_a, settings, django_user_model, method, path, permission
):
    settings.RECSYS_OPEN_API = False
    user = django_user_model.objects.create_user("new", is_staff=True)
    for is_permitted in (False, True):
        client = Client()
        client.force_login(user)
        ask = getattr(client, method)
        answer = ask(path, content_type="application/json", headers={"Casino-ID": "1"})
        assert (answer.status_code != 403) is is_permitted
        user.user_permissions.set(Permission.objects.filter(codename=permission))

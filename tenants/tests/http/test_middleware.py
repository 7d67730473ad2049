import base64

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from tenants.current_casino import CurrentCasino
from tenants.errors import CasinoMismatch
from tenants.http.request_state import request_state
from tenants.models import Casino, CasinoState
from tenants.routing.connections import casino_connection
from tenants.routing.context import find_current_casino, use_casino
from tenants.schema.version import migrations_on_disk, record_version
from tenants.tests.casino_rows import make_event, make_user

NOT_FOUND = (404, "Casino not found")


@pytest.fixture(autouse=True)
def configured_casinos(casino_a, casino_b):
    """Two casinos with different responses to `GET /config`."""
    for casino in (casino_a, casino_b):
        casino.recommender_type, casino.recommendation_schema = casino.name, {"user_id": {}}
        casino.save()


@pytest.fixture
def ask(client):
    """The status and the body of `GET /config` with a casino in its header; of an error, its text."""

    def _ask(casino_id=None):
        response = client.get("/config", headers={} if casino_id is None else {"Casino-ID": str(casino_id)})
        body = response.json()
        return response.status_code, body.get("error", body)

    return _ask


@pytest.fixture
def casino_answering(ask):
    """The name of the casino whose configuration `GET /config` returns."""

    def _casino_answering(casino_id=None):
        status, body = ask(casino_id)
        assert status == 200, body
        return body["recommender_type"]

    return _casino_answering


def _choose(client, casino):
    client.post(reverse("choose_casino"), {"casino": casino.pk})


def test_header_names_the_requests_casino(casino_answering):
    assert casino_answering(1) == "Alpha"
    assert casino_answering(2) == "Beta"


def test_missing_header_is_refused(ask):
    assert ask() == (400, "Casino-ID header is required")


@pytest.mark.parametrize("text", ["", "one", "1.0", "1e3", "0x1", "1,2", "1 2", "1_0", "9" * 5_000])
def test_non_integer_header_is_refused(ask, text):
    assert ask(text) == (400, "Casino-ID header must be an integer")


@pytest.mark.parametrize("text", ["3", "0", "-1", str(2**63), "9" * 4_000])
def test_unknown_casino_gets_404(ask, text):
    assert ask(text) == NOT_FOUND


@pytest.mark.parametrize("state", [CasinoState.REQUESTED, CasinoState.CREATING, CasinoState.FAILED])
def test_incomplete_casino_is_unavailable(ask, casino_b, casino_answering, state):
    Casino.objects.filter(pk=casino_b.pk).update(state=state)
    assert ask(2) == (503, f"Casino is not available: its state is {state}")
    assert casino_answering(1) == "Alpha"


def test_suspended_casino_is_locked(ask, casino_b, casino_answering):
    Casino.objects.filter(pk=casino_b.pk).update(state=CasinoState.SUSPENDED)
    assert ask(2) == (423, "Casino is suspended")
    assert casino_answering(1) == "Alpha"


@pytest.mark.parametrize("state", [CasinoState.DELETING, CasinoState.DELETED])
def test_deleted_casino_gets_404_like_a_missing_one(ask, casino_b, state):
    Casino.objects.filter(pk=casino_b.pk).update(state=state)
    assert ask(2) == NOT_FOUND


def test_moving_casino_is_served(casino_b, casino_answering):
    Casino.objects.filter(pk=casino_b.pk).update(state=CasinoState.MOVING)
    assert casino_answering(2) == "Beta"


def test_only_the_casino_that_is_behind_gets_503(client, ask, casino_b, casino_answering):
    older = record_version(migrations_on_disk()[:-1])
    Casino.objects.filter(pk=casino_b.pk).update(schema_version=older)
    assert ask(2) == (503, "Casino is being upgraded")
    assert client.get("/config", headers={"Casino-ID": "2"}).headers["Retry-After"] == "1"
    assert casino_answering(1) == "Alpha"


def test_casino_upgraded_by_a_newer_release_is_served(casino_b, casino_answering):
    newer = record_version([*migrations_on_disk(), ("recommendations", "9999_of_the_next_release")])
    Casino.objects.filter(pk=casino_b.pk).update(schema_version=newer)
    assert casino_answering(2) == "Beta"


def test_write_to_a_read_only_database_gets_503_with_retry_after(client, casino_b, settings):
    settings.RECSYS_TEST_ENDPOINTS = True
    with use_casino(casino_b.current):
        user = make_user()
        make_event()
        with casino_connection().cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
    response = client.post(f"/purchase/{user.pk}", headers={"Casino-ID": "2"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.json()["error"] == "The casino's database can't be used at present; try again soon"


def test_choice_is_used_in_an_open_installation(client, casino_b, casino_answering):
    _choose(client, casino_b)
    assert casino_answering() == "Beta"


def test_header_takes_precedence_over_the_choice(client, casino_b, casino_answering):
    _choose(client, casino_b)
    assert casino_answering(1) == "Alpha"


def test_wrong_header_is_an_error_despite_a_choice(client, casino_b, ask):
    _choose(client, casino_b)
    assert ask(3) == NOT_FOUND
    assert ask("")[0] == 400


def test_choice_of_staff_is_used_in_a_closed_installation(admin_client, casino_b, settings):
    settings.RECSYS_OPEN_API = False
    _choose(admin_client, casino_b)
    assert admin_client.get("/config").json()["recommender_type"] == "Beta"


def test_choice_of_others_is_ignored_in_a_closed_installation(client, casino_b, settings):
    _choose(client, casino_b)
    settings.RECSYS_OPEN_API = False
    assert request_state(client.get(reverse("start")).wsgi_request).casino is None


@pytest.mark.parametrize(
    "path", ["/", "/casino/", "/admin/", "/admin/recommendations/user/", "/recommend/7", "/config", "/nothing"]
)
def test_anonymous_header_opens_no_page_of_a_closed_installation(client, casino_a, settings, path):
    settings.RECSYS_OPEN_API = False
    with use_casino(casino_a.current):
        make_user(id=7, name="Ada")
    answer = client.get(path, headers={"Casino-ID": "1"})
    assert request_state(answer.wsgi_request).casino is None
    assert b"Ada" not in answer.content


def test_staff_with_basic_authentication_get_the_headers_casino(client, casino_a, settings):
    settings.RECSYS_OPEN_API = False
    get_user_model().objects.create_user("backend", password="secret", is_staff=True)
    credentials = "Basic " + base64.b64encode(b"backend:secret").decode()
    answer = client.get("/config", headers={"Casino-ID": "1", "Authorization": credentials})
    assert (answer.status_code, answer.json()["recommender_type"]) == (200, "Alpha")
    assert find_current_casino() is None


def test_chosen_casino_that_failed_since_is_unavailable(client, casino_b, ask):
    _choose(client, casino_b)
    Casino.objects.filter(pk=casino_b.pk).update(state=CasinoState.FAILED)
    assert ask()[0] == 503


def test_page_that_needs_no_casino_is_served_despite_a_wrong_header(client):
    assert client.get(reverse("choose_casino"), headers={"Casino-ID": "one"}).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/config", 200), ("/recommend/none", 400), ("/no/such/page", 404)])
def test_no_casino_is_current_after_a_response(client, path, status):
    assert client.get(path, headers={"Casino-ID": "1"}).status_code == status
    assert find_current_casino() is None


def test_request_inside_another_casinos_block_is_not_answered(ask):
    with use_casino(CurrentCasino(id=901, db_name="another")), pytest.raises(CasinoMismatch, match="901 is current"):
        ask(1)


@pytest.fixture
def page_of_a_casinos_rows():
    return reverse("admin:recommendations_user_changelist") + "?q=Ada"


def test_page_of_a_casinos_rows_redirects_to_the_choice_if_none_is_made(admin_client, page_of_a_casinos_rows):
    response = admin_client.get(page_of_a_casinos_rows)
    assert response.status_code == 302
    assert response.url == f"{reverse('choose_casino')}?next=%2Fadmin%2Frecommendations%2Fuser%2F%3Fq%3DAda"
    (message,) = admin_client.get(response.url).context["messages"]
    assert str(message) == "Choose the casino whose data you want to see."


def test_page_of_a_casinos_rows_shows_those_of_the_chosen_casino(
    admin_client, casino_a, casino_b, page_of_a_casinos_rows
):
    for casino in (casino_a, casino_b):
        with use_casino(casino.current):
            make_user("Ada", surname=f"Of {casino.name}")
    _choose(admin_client, casino_b)
    response = admin_client.get(page_of_a_casinos_rows)
    assert [user.surname for user in response.context["cl"].result_list] == ["Of Beta"]


def test_other_errors_of_pages_do_not_redirect_to_the_choice(client):
    response = client.get("/no/such/page")
    assert response.status_code == 404


@pytest.mark.parametrize("path", ["/admin/auth/group/?name=%00", "/admin/tenants/databaseserver/%00/change/"])
def test_page_with_a_nul_in_its_url_is_a_bad_request(admin_client, path):
    response = admin_client.get(path)
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")

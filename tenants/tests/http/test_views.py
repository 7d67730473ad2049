from http import HTTPStatus

import pytest
from django.urls import reverse

from tenants.current_casino import MAIN
from tenants.models import Casino, CasinoState

pytestmark = pytest.mark.covered

URL = "/casino/"
CHOSEN = "casino_id"


@pytest.fixture(autouse=True)
def casinos(casino_a, casino_b):
    """Alpha (1), Beta (2), and Gamma (3), which is not active."""
    return [casino_a, casino_b, Casino.objects.create(id=3, name="Gamma")]


@pytest.fixture
def listed(client):
    """Names of the casinos that the page lists."""

    def _listed(**query):
        return [casino.name for casino in client.get(URL, query).context["casinos"]]

    return _listed


def _choose(client, casino, **fields):
    return client.post(URL, {"casino": casino, **fields})


def test_active_casinos_are_listed_by_name(listed):
    Casino.objects.filter(name="Beta").update(name="Aardvark")
    assert listed() == ["Aardvark", "Alpha"]


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("alp", ["Alpha"]),
        ("  ALPHA ", ["Alpha"]),
        ("a", ["Alpha", "Beta"]),
        ("", ["Alpha", "Beta"]),
        ("2", ["Beta"]),
        ("gamma", []),
        ("3", []),
        ("0", []),
        ("-1", []),
        ("9" * 30, []),
        ("%", []),
        ("²", []),
        ("Al\x00ph", ["Alpha"]),
    ],
)
def test_search_finds_active_casinos_by_name_and_id(listed, term, found):
    assert listed(q=term) == found


def test_search_by_a_number_finds_names_with_it_too(listed):
    Casino.objects.filter(name="Alpha").update(name="Casino 2000")
    assert listed(q="2") == ["Beta", "Casino 2000"]


def test_long_list_comes_in_pages(listed):
    Casino.objects.bulk_create(
        Casino(id=n, name=f"N{n:03}", server_id=MAIN, db_name=f"any_{n}", state=CasinoState.ACTIVE)
        for n in range(100, 160)
    )
    assert (len(listed()), len(listed(page=2))) == (50, 12)


def test_page_escapes_the_searched_text(client):
    page = client.get(URL, {"q": "<b>alph"}).content.decode()
    assert "&lt;b&gt;alph" in page
    assert "<b>alph" not in page


def test_choosing_a_casino_keeps_it_in_the_session(client):
    response = _choose(client, 2)
    assert (response.status_code, response.url) == (302, reverse("start"))
    assert client.session[CHOSEN] == 2
    _choose(client, 1)
    assert client.session[CHOSEN] == 1


def test_choosing_nothing_clears_the_choice(client):
    _choose(client, 2)
    _choose(client, "")
    assert CHOSEN not in client.session
    assert _choose(client, "").status_code == 302


@pytest.mark.parametrize("casino", ["3", "4", "0", "-1", "one", "9" * 30, "²", "\x00"])
def test_casino_that_is_unknown_or_not_active_cannot_be_chosen(client, casino):
    _choose(client, 2)
    assert _choose(client, casino).status_code == HTTPStatus.NOT_FOUND
    assert client.session[CHOSEN] == 2


def test_choice_redirects_to_the_previous_page(client):
    assert _choose(client, 2, next="/admin/?q=1").url == "/admin/?q=1"
    assert client.get(URL, {"next": "/admin/?q=1"}).context["next"] == "/admin/?q=1"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil", ""])
def test_unsafe_next_is_ignored(client, target):
    assert _choose(client, 2, next=target).url == reverse("start")
    assert client.get(URL, {"next": target}).context["next"] == reverse("start")


def test_next_by_plain_http_is_unsafe_on_a_secure_page(client):
    response = client.post(URL, {"casino": 2, "next": "http://testserver/admin/"}, secure=True)
    assert response.url == reverse("start")


@pytest.mark.parametrize("method", ["get", "post"])
def test_anonymous_visitor_of_a_closed_installation_is_redirected_to_the_login(client, settings, method):
    settings.RECSYS_OPEN_API = False
    response = getattr(client, method)(URL, {"casino": 2})
    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))
    assert CHOSEN not in client.session


@pytest.mark.parametrize("method", ["get", "post"])
def test_login_that_is_not_staff_is_refused_in_a_closed_installation(client, settings, django_user_model, method):
    settings.RECSYS_OPEN_API = False
    client.force_login(django_user_model.objects.create_user("outsider"))
    assert getattr(client, method)(URL, {"casino": 2}).status_code == HTTPStatus.FORBIDDEN
    assert CHOSEN not in client.session


def test_staff_may_choose_in_a_closed_installation(admin_client, settings):
    settings.RECSYS_OPEN_API = False
    assert admin_client.get(URL).status_code == HTTPStatus.OK
    _choose(admin_client, 2)
    assert admin_client.session[CHOSEN] == 2

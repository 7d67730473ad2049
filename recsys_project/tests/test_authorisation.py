"""Every URL, requested by every kind of unauthorised caller: the response is 401, 403, 404 or a redirect to the login
page, and the same whether the casino or its user exists or not.

The first test fails for a URL that is in no table here: add it to the table of its callers.
"""

import re
from dataclasses import dataclass
from itertools import product

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from recommendations.experiments.lifecycle import create_experiment
from recommendations.tests.experiments.definitions import ab
from recommendations.tests.factories import UserFactory
from tenants.access.api_keys import revoke_key
from tenants.http.request_state import request_state
from tenants.models import Scope, StaffBinding
from tenants.routing.context import use_casino
from tenants.tests.api_clients import UNKNOWN_KEY, bearing, make_expired_key, make_key
from tenants.tests.exhaustive import IS_EXHAUSTIVE

pytestmark = pytest.mark.slow

EXISTING, MISSING = 7, 4711  # users of casino A
CASINO, NO_CASINO = "1", "77"


@dataclass(frozen=True)
class Endpoint:
    """The methods of an endpoint, and the scope of the keys that may use it (None: any)."""

    methods: tuple[str, ...]
    scope: str | None
    is_casinos: bool = True


API = {
    "config": Endpoint(("get", "post", "patch"), Scope.CONFIGURE),
    "config/options.schema.json": Endpoint(("get",), None, is_casinos=False),
    "experiments": Endpoint(("get", "post"), Scope.CONFIGURE),
    "experiments/definition.schema.json": Endpoint(("get",), None, is_casinos=False),
    "experiments/<slug:name>": Endpoint(("get",), Scope.CONFIGURE),
    "experiments/<slug:name>/report": Endpoint(("get",), Scope.CONFIGURE),
    "experiments/<slug:name>/start": Endpoint(("post",), Scope.CONFIGURE),
    "experiments/<slug:name>/stop": Endpoint(("post",), Scope.CONFIGURE),
    "experiments/<slug:name>/grow": Endpoint(("post",), Scope.CONFIGURE),
    "sales": Endpoint(("get",), Scope.CONFIGURE),
    "recommend": Endpoint(("post",), Scope.RECOMMEND),
    "recommend/<path:user_id>": Endpoint(("get",), Scope.RECOMMEND),
    "recommend/session": Endpoint(("get", "post"), Scope.RECOMMEND),
    "recommend/<path:user_id>/next": Endpoint(("get", "post"), Scope.RECOMMEND),
    "events/<path:event_id>/similar": Endpoint(("get",), Scope.RECOMMEND),
    "popular": Endpoint(("get",), Scope.RECOMMEND),
    "events": Endpoint(("post",), Scope.INGEST),
    "events/<path:event_id>": Endpoint(("delete",), Scope.INGEST),
    "users": Endpoint(("post",), Scope.INGEST),
    "odds": Endpoint(("post",), Scope.INGEST),
    "impressions": Endpoint(("post",), Scope.RECOMMEND),
    "coupons": Endpoint(("post",), Scope.INGEST),
    "coupons/<path:coupon_id>": Endpoint(("delete",), Scope.INGEST),
    "purchase/<path:user_id>": Endpoint(("get", "post"), Scope.TEST),
    "users/<path:user_id>": Endpoint(("delete",), Scope.CONFIGURE),
    "users/<path:user_id>/export": Endpoint(("get",), Scope.CONFIGURE),
    "api/schemas/<str:topic>.json": Endpoint(("get",), None, is_casinos=False),
    "api/schema/": Endpoint(("get",), None, is_casinos=False),
    "api/docs/": Endpoint(("get",), None, is_casinos=False),
}

# Public pages, which show no data of a casino.
PUBLIC = {"admin/login/"}

# Prefixes of the pages for logged-in staff.
PAGES = ("casino/", "casinos/", "admin/")
CASINO_PAGES = {
    "casinos/<int:casino_id>/",
    "casinos/<int:casino_id>/sales/",
    "casinos/<int:casino_id>/experiments/",
    "casinos/<int:casino_id>/experiments/<slug:name>/",
    "casinos/<int:casino_id>/try/",
    "casinos/<int:casino_id>/exposure/",
    "casinos/<int:casino_id>/prices/",
    "casinos/<int:casino_id>/feeds/",
    "casinos/<int:casino_id>/configuration/",
}
DASHBOARD = {"", "casinos/chosen/", *CASINO_PAGES}
ADMIN = {
    "admin/",
    "admin/logout/",
    "admin/password_change/",
    "admin/password_change/done/",
    "admin/autocomplete/",
    "admin/search/",
    "admin/jsi18n/",
    "admin/r/<path:content_type_id>/<path:object_id>/",
    "admin/ingestion/parked/",
}
ADMIN_OF_CASINO = {
    "recommendations": ("user", "event", "team", "userprofile", "purchasedcoupon", "servedslip", "producer"),
    "ingestion": ("messagecount", "partitionoffset", "upload", "deadletter"),
}
ADMIN_OF_CATALOGUE = {
    "tenants": (
        "casino",
        "apikey",
        "staffbinding",
        "databaseserver",
        "migrationrun",
        "casinomigration",
        "privacyrecord",
        "experiment",
        "unassigneddeadletter",
    ),
    "auth": ("user", "group"),
}
_MODEL_PAGE = re.compile(
    r"admin/(\w+)/(\w+)/(add/|<path:object_id>/(change/|delete/|history/|download/)?|<id>/password/|autocomplete/)?"
)


def routes(resolver=None, prefix=""):
    for each in (resolver or get_resolver()).url_patterns:
        route = prefix + re.sub(r"^\^|\$$", "", str(each.pattern))
        if isinstance(each, URLResolver):
            yield from routes(each, route)
        elif isinstance(each, URLPattern):
            yield route


def _is_known(route):
    found = _MODEL_PAGE.fullmatch(route)
    models = ADMIN_OF_CASINO | ADMIN_OF_CATALOGUE
    is_of_model = found is not None and found[2] in models.get(found[1], ())
    is_last_resort = route.startswith(("admin/(?P<app_label>", "admin/(?P<url>"))
    return route in {*API, *PUBLIC, *DASHBOARD, *ADMIN, "casino/"} or is_of_model or is_last_resort


def test_every_url_is_in_a_table():
    assert [route for route in routes() if not _is_known(route)] == []


def test_tables_have_no_missing_url():
    assert {*API, *PUBLIC, *DASHBOARD, *ADMIN} - set(routes()) == set()


def _path(route, number=EXISTING):
    filled = re.sub(r"<[^>]+>", str(number), route.replace("<int:casino_id>", CASINO).replace("<str:topic>", "events"))
    return "/" + re.sub(r"\(\?P<app_label>([^|)]+).*?\)|\(\?P<url>\.\*\)", lambda found: found[1] or "nothing", filled)


@pytest.fixture(autouse=True)
def closed_installation(settings, casino_a, casino_b):
    settings.RECSYS_OPEN_API, settings.RECSYS_TEST_ENDPOINTS = False, True
    settings.CATALOGUE_LEASE_SECONDS = 3_600  # as in operation, most requests find the key and the casino in a cache
    with use_casino(casino_a.current):
        UserFactory.create(id=EXISTING, surname="Secretive")
    create_experiment(casino=casino_a, definition=ab(str(EXISTING)), by="tests", now=timezone.now())


@pytest.fixture
def unauthorised(casino_a, casino_b):
    """The headers of requests that are not authorised for casino A and a scope."""

    def _unauthorised(scope):
        revoked = make_key(casino_a)
        revoke_key(revoked.row)
        found = {
            "no key": {},
            "no key's form": bearing("guess"),
            "wrong key": bearing(UNKNOWN_KEY),
            "other scheme": {"Authorization": f"Bearer {make_key(casino_a).text}"},
            "expired key": bearing(make_expired_key(casino_a).text),
            "revoked key": bearing(revoked.text),
        }
        if scope is not None:
            others = [each for each in Scope.values if each != scope]
            found["key without the scope"] = bearing(make_key(casino_a, *others).text)
            found["other casino's key"] = bearing(make_key(casino_b).text)
        return found

    return _unauthorised


@pytest.fixture
def staff_of_b(django_user_model, casino_b):
    """A login with every permission, bound to casino B."""
    staff = django_user_model.objects.create_user("of_b", password="secret", is_staff=True)
    staff.user_permissions.set(Permission.objects.all())
    StaffBinding.objects.create(user=staff).casinos.set([casino_b])
    client = Client()
    client.force_login(staff)
    return client


def _ask(client, method, path, headers, casino):
    return getattr(client, method)(path, headers={**headers, "Casino-ID": casino})


def _revealed(answer, number):
    """The response, without the id that the request contains."""
    text = answer.content.decode().replace(str(number), "N")
    return answer.status_code, text, answer.headers.get("Retry-After")


def _answers(client, method, route, headers):
    for casino in (CASINO, NO_CASINO):
        for number in (EXISTING, MISSING) if "<" in route else (EXISTING,):
            yield _revealed(_ask(client, method, _path(route, number), headers, casino), number)


@pytest.mark.scaled
@pytest.mark.no_cover
@pytest.mark.parametrize("route", API)
def test_api_refuses_unauthorised_callers_without_revealing_anything(unauthorised, route):
    endpoint = API[route]
    every = ("get", "post", "put", "patch", "delete")
    methods = every if IS_EXHAUSTIVE else (*endpoint.methods, "put")  # which none has
    for who, headers in unauthorised(endpoint.scope).items():
        client = Client()
        for method in methods:
            answers = set(_answers(client, method, route, headers))
            assert len(answers) == 1, (who, method)
            [(status, text, _)] = answers
            assert status in (401, 403), (who, method, status)
            assert "Secretive" not in text


@pytest.mark.covered
@pytest.mark.parametrize("route", [route for route, endpoint in API.items() if endpoint.is_casinos])
def test_api_refuses_staff_of_another_casino_without_revealing_anything(staff_of_b, route):
    for method in API[route].methods:
        answers = set(_answers(staff_of_b, method, route, {}))
        assert [status for status, _, _ in answers] == [403], method


@pytest.mark.parametrize("route", API)
def test_api_admits_authorised_keys(casino_a, route):
    """Without this test, the tests above would pass if every request were rejected."""
    endpoint = API[route]
    headers = bearing(make_key(casino_a, *([endpoint.scope] if endpoint.scope else [])).text)
    for method in endpoint.methods:
        assert _ask(Client(), method, _path(route), headers, CASINO).status_code not in (401, 403, 404), method


def _pages():
    """A sample of the admin's pages, which are alike for every model: those of `casino`, `user` and `deadletter`."""
    found = [route for route in routes() if (route in DASHBOARD or route.startswith(PAGES)) and route not in PUBLIC]
    return found if IS_EXHAUSTIVE else [route for route in found if _in_sample(route)]


def _in_sample(route):
    model_page = _MODEL_PAGE.fullmatch(route)
    return model_page is None or model_page[2] in ("casino", "user", "deadletter")


def _leads_to_login(answer):
    return answer.status_code == 302 and answer.url.startswith("/admin/login/")


@pytest.mark.scaled
@pytest.mark.no_cover
def test_pages_redirect_unauthorised_callers_to_the_login(unauthorised):
    for (who, headers), route in product(unauthorised(None).items(), _pages()):
        answers = [_ask(Client(), "get", _path(route), headers, casino) for casino in (CASINO, NO_CASINO)]
        assert len({(answer.status_code, answer.get("Location")) for answer in answers}) == 1, (who, route)
        is_refused = _leads_to_login(answers[0]) or answers[0].status_code in (401, 403, 404)
        is_way_out = route == "admin/logout/" and answers[0].url == "/admin/"  # which redirects to the login page
        assert is_refused or is_way_out, (who, route, answers[0].status_code)


@pytest.mark.scaled
@pytest.mark.no_cover
def test_pages_show_staff_of_another_casino_nothing_of_it(staff_of_b, django_user_model):
    user = django_user_model.objects.get(username="of_b")
    for route, casino in product(_pages(), (CASINO, NO_CASINO)):
        client = Client()  # no page is requested in a session that another one changed
        client.force_login(user)
        answer = client.get(_path(route), headers={"Casino-ID": casino}, follow=True)
        page = answer.content.decode()
        assert "Secretive" not in page, (route, casino)
        assert "Alpha" not in page, (route, casino)


@pytest.mark.parametrize("route", sorted(CASINO_PAGES))
def test_pages_of_another_casino_look_to_staff_like_those_of_a_missing_one(staff_of_b, route):
    answers = {
        _revealed(
            getattr(staff_of_b, method)(f"/{route}".replace("<int:casino_id>", casino).replace("<slug:name>", "trees")),
            casino,
        )
        for casino in (CASINO, NO_CASINO)
        for method in ("get", "post")
    }
    assert {status for status, _, _ in answers} <= {404, 405}
    assert len(answers) <= 2


@pytest.mark.covered
@pytest.mark.parametrize("route", [f"admin/recommendations/{model}/" for model in ADMIN_OF_CASINO["recommendations"]])
def test_staff_of_another_casino_may_not_enter_by_header(staff_of_b, route):
    answer = staff_of_b.get(_path(route), headers={"Casino-ID": CASINO})
    assert request_state(answer.wsgi_request).casino is None
    assert answer.status_code == 302
    assert answer.url.startswith("/casino/")


@pytest.mark.parametrize("route", sorted(PUBLIC))
def test_public_pages_reveal_nothing_of_a_casino(unauthorised, route):
    for headers in unauthorised(None).values():
        answers = {
            re.sub(
                r'value="\w{64}"|csrfmiddlewaretoken',
                "",
                _ask(Client(), "get", _path(route), headers, each).content.decode(),
            )
            for each in (CASINO, NO_CASINO)
        }
        assert len(answers) == 1
        assert "Alpha" not in answers.pop()

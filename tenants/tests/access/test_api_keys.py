"""API keys over HTTP: the request's casino, the key's scopes, and invalid keys."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connections
from django.utils import timezone

from tenants.access.api_keys import issue_key, revoke_key, rotate_key
from tenants.errors import InvalidKey
from tenants.http.request_state import request_state
from tenants.models import ApiKey, Casino, CasinoState, Scope
from tenants.tests.api_clients import UNKNOWN_KEY, ask, bearing, make_expired_key, make_key

INVALID = (401, "invalid_api_key")
FORBIDDEN = (403, "casino_forbidden")


@pytest.fixture(autouse=True)
def closed_installation(settings, casino_a, casino_b):
    settings.RECSYS_OPEN_API = False
    for casino in (casino_a, casino_b):
        casino.recommender_type, casino.recommendation_schema = casino.name, {"user_id": {}}
        casino.save()


def _status_and_code(answer):
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("headers", [{}, {"Casino-ID": "2"}])
def test_key_determines_the_requests_casino(casino_b, headers):
    assert ask(make_key(casino_b).text, **headers).json()["recommender_type"] == "Beta"


def test_header_of_another_casino_is_refused_like_that_of_a_missing_one(casino_a, casino_b):
    key = make_key(casino_a).text
    others = [ask(key, **{"Casino-ID": text}) for text in ("2", "3", "0", "-1", str(2**70))]
    assert {_status_and_code(answer) for answer in others} == {FORBIDDEN}
    assert len({answer.content for answer in others}) == 1


def test_non_integer_header_is_refused_with_a_key_too(casino_a):
    assert _status_and_code(ask(make_key(casino_a).text, **{"Casino-ID": "one"})) == (400, "casino_id_invalid")


def test_scheme_is_case_insensitive(casino_a, client):
    key = make_key(casino_a).text
    assert client.get("/config", headers={"Authorization": f"aPI-kEY  {key} "}).status_code == 200


def test_all_invalid_keys_get_the_same_response(casino_a):
    revoked = make_key(casino_a)
    revoke_key(revoked.row)
    good = make_key(casino_a).text
    almost = good[:-1] + ("A" if good[-1] != "A" else "B")
    wrong = [revoked.text, make_expired_key(casino_a).text, UNKNOWN_KEY, almost, good[:-1], good + "A", "", "x" * 9_000]
    answers = [ask(text) for text in wrong]
    assert {_status_and_code(answer) for answer in answers} == {INVALID}
    assert len({answer.content for answer in answers}) == 1
    assert {answer["WWW-Authenticate"] for answer in answers} == {"Api-Key"}


@pytest.mark.parametrize("text", ["recsys_\0", "ÿ" * 63, "recsys_" + "é" * 56, "recsys_" + "٣" * 12 + "_" + "a" * 43])
def test_malformed_key_costs_no_query(text, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert _status_and_code(ask(text)) == INVALID


def test_open_installation_refuses_invalid_keys_and_respects_valid_ones(casino_b, settings):
    settings.RECSYS_OPEN_API = True
    assert _status_and_code(ask(UNKNOWN_KEY, **{"Casino-ID": "1"})) == INVALID
    assert _status_and_code(ask(make_key(casino_b).text, **{"Casino-ID": "1"})) == FORBIDDEN
    assert ask(make_key(casino_b).text).json()["recommender_type"] == "Beta"


def test_cached_key_expires(casino_a, settings, monkeypatch):
    settings.CATALOGUE_LEASE_SECONDS = 3_600
    expires_at = timezone.now() + timedelta(days=1)
    key = make_key(casino_a, expires_at=expires_at).text
    assert ask(key).status_code == 200
    monkeypatch.setattr("tenants.access.api_keys.timezone.now", lambda: expires_at)
    assert _status_and_code(ask(key)) == INVALID


@pytest.mark.parametrize(
    ("scope", "path", "is_allowed"),
    [
        (Scope.CONFIGURE, "/config", True),
        (Scope.RECOMMEND, "/config", False),
        (Scope.TEST, "/config", False),
        (Scope.RECOMMEND, "/recommend/1", True),
        (Scope.CONFIGURE, "/recommend/1", False),
        (Scope.TEST, "/purchase/1", True),
        (Scope.RECOMMEND, "/purchase/1", False),
        (Scope.TEST, "/config/options.schema.json", True),
    ],
)
def test_key_gives_access_to_its_scopes(casino_a, settings, scope, path, is_allowed):
    settings.RECSYS_TEST_ENDPOINTS = True
    Casino.objects.update(
        recommender_type="static", recommendation_schema={"id": {"type": "int", "source_field": "id"}}
    )
    answer = ask(make_key(casino_a, scope).text, path)
    assert (answer.status_code != 403) is is_allowed
    assert is_allowed or answer.json()["code"] == "scope_missing"


def test_missing_scope_is_reported_before_any_error_of_the_casino(casino_a):
    key = make_key(casino_a, Scope.TEST).text
    assert len({ask(key, **{"Casino-ID": text}).content for text in ("1", "2", "3", "one")}) == 1


def test_key_without_a_scope_cannot_be_created(casino_a):
    with pytest.raises(IntegrityError):
        issue_key(casino_a, name="none", scopes=[], by="tests")


def test_pages_ignore_keys(casino_a, client):
    key = make_key(casino_a).text
    assert client.get("/casino/", headers=bearing(key)).status_code == 302
    assert request_state(client.get("/", headers=bearing(key)).wsgi_request).casino is None


def test_key_takes_precedence_over_the_login_and_its_choice(admin_client, casino_a, casino_b):
    admin_client.post("/casino/", {"casino": casino_b.pk})
    key = make_key(casino_a, Scope.CONFIGURE).text
    assert admin_client.get("/config", headers=bearing(key)).json()["recommender_type"] == "Alpha"
    assert admin_client.get("/recommend/1", headers=bearing(key)).status_code == 403


def test_key_and_casino_take_one_query_when_cold_and_none_when_warm(casino_a, settings, django_assert_num_queries):
    settings.CATALOGUE_LEASE_SECONDS = 60
    key = make_key(casino_a).text
    with django_assert_num_queries(1, connection=connections["default"]):
        ask(key)
    with django_assert_num_queries(0, connection=connections["default"]):
        assert ask(key, **{"Casino-ID": "1"}).status_code == 200


def test_key_of_a_casino_out_of_service_is_looked_up_each_time(casino_a, settings):
    settings.CATALOGUE_LEASE_SECONDS = 60
    key = make_key(casino_a).text
    Casino.objects.update(state=CasinoState.SUSPENDED)
    assert ask(key).status_code == 423
    Casino.objects.update(state=CasinoState.ACTIVE)
    assert ask(key).status_code == 200


def test_changing_a_requests_casino_does_not_change_the_cached_one(casino_a, settings):
    settings.CATALOGUE_LEASE_SECONDS = 60
    key = make_key(casino_a).text
    request_state(ask(key).wsgi_request).require_casino().name = "Changed"
    assert request_state(ask(key).wsgi_request).require_casino().name == "Alpha"


def test_key_itself_is_stored_nowhere(casino_a):
    issued = make_key(casino_a)
    row = ApiKey.objects.values().get()
    secret = issued.text[20:]
    assert len(secret) == 43
    assert secret not in str(row)
    assert issued.row.prefix in issued.text
    assert issued.text not in repr(issued)


def test_rotation_creates_a_key_with_the_same_name_and_scopes(casino_a):
    old = make_key(casino_a, Scope.CONFIGURE)
    new = rotate_key(old.row, by="tests")
    assert _status_and_code(ask(old.text)) == INVALID
    assert ask(new.text).status_code == 200
    assert (new.row.name, new.row.scopes, new.row.casino_id) == ("back end", [Scope.CONFIGURE], 1)


def test_rotated_key_may_overlap_but_not_beyond_its_expiry(casino_a):
    until = timezone.now() + timedelta(minutes=5)
    forever, brief = make_key(casino_a), make_key(casino_a, expires_at=until)
    for each in (forever, brief):
        rotate_key(each.row, by="tests", overlap=timedelta(hours=1))
        assert ask(each.text).status_code == 200
    assert ApiKey.objects.filter(pk=forever.row.pk, expires_at__gt=until).exists()
    assert ApiKey.objects.filter(pk=brief.row.pk, expires_at=until).exists()


def test_invalid_key_cannot_be_rotated(casino_a):
    expired, revoked = make_expired_key(casino_a), make_key(casino_a)
    revoke_key(revoked.row)
    for each in (expired, revoked):
        with pytest.raises(InvalidKey, match="create a new one"):
            rotate_key(each.row, by="tests")
    assert ApiKey.objects.count() == 2


def test_revoking_again_changes_nothing(casino_a):
    key = make_key(casino_a).row
    revoke_key(key)
    first = key.revoked_at
    revoke_key(key)
    assert key.revoked_at == first

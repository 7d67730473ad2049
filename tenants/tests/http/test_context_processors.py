import pytest
from django.contrib.auth.models import AnonymousUser

from tenants.current_casino import MAIN
from tenants.http.context_processors import SWITCHER_LENGTH, casino_switcher
from tenants.http.request_state import request_state
from tenants.models import Casino, CasinoState


@pytest.fixture
def anonymous_request(rf):
    request = rf.get("/")
    request.user = AnonymousUser()
    return request


def test_switcher_offers_the_active_casinos_by_name(anonymous_request, casino_b, casino_a):
    Casino.objects.create(id=3, name="Gamma")
    switcher = casino_switcher(anonymous_request)
    assert list(switcher["switcher_casinos"]) == [casino_a, casino_b]


def test_switcher_shows_the_requests_casino(anonymous_request, casino_a):
    assert casino_switcher(anonymous_request)["current_casino"] is None
    request_state(anonymous_request).casino = casino_a
    assert casino_switcher(anonymous_request)["current_casino"] == casino_a


def test_casinos_are_queried_only_if_a_page_shows_them(anonymous_request, db, django_assert_num_queries):
    with django_assert_num_queries(0):
        switcher = casino_switcher(anonymous_request)
    with django_assert_num_queries(1):
        assert [list(switcher["switcher_casinos"]) for _ in range(2)] == [[], []]


def test_switcher_lists_a_limited_number_of_casinos(anonymous_request, db):
    Casino.objects.bulk_create(
        Casino(id=n, name=f"N{n}", server_id=MAIN, db_name=f"any_{n}", state=CasinoState.ACTIVE)
        for n in range(1, SWITCHER_LENGTH + 9)
    )
    assert len(casino_switcher(anonymous_request)["switcher_casinos"]) == SWITCHER_LENGTH


def test_switcher_is_hidden_from_callers_who_may_not_choose(anonymous_request, settings):
    settings.RECSYS_OPEN_API = False
    assert casino_switcher(anonymous_request) == {}


def test_request_without_a_user_has_no_switcher(rf):
    assert casino_switcher(rf.get("/")) == {}

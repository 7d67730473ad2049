"""The number of queries of a request once the offer is cached: baselines that only a decision may raise."""

import pytest
from django.db import connections

from recommendations.recommenders.registry import RECOMMENDERS
from recommendations.tests.factories import EventFactory, TalliedCouponFactory, UserFactory
from tenants.routing.context import use_casino

pytestmark = [pytest.mark.usefixtures("each_path"), pytest.mark.covered]

CASINO_QUERIES = dict.fromkeys(RECOMMENDERS, 1)


@pytest.fixture
def warm(caller_a, casino_a):
    with use_casino(casino_a.current):
        user = UserFactory.create(id=1)
        EventFactory.create_batch(20)
        TalliedCouponFactory.create_batch(4, user=user)

    def configure(name):
        caller_a.configure(name)
        for _ in range(2):  # the first stores the favourite pairs
            assert len(caller_a.get("/recommend/1").json()["events"]) == 3
        return caller_a

    return configure


@pytest.mark.parametrize("name", CASINO_QUERIES)
def test_a_recommendation_does_not_query_the_catalogue_within_the_ttl(warm, settings, django_assert_num_queries, name):
    caller = warm(name)
    settings.CATALOGUE_LEASE_SECONDS = 60
    caller.get("/recommend/1")
    with django_assert_num_queries(0, connection=connections["default"]):
        caller.get("/recommend/1")


@pytest.mark.parametrize("name", CASINO_QUERIES)
def test_a_recommendation_queries_the_catalogue_once_after_the_ttl(warm, django_assert_num_queries, name):
    caller = warm(name)
    with django_assert_num_queries(1, connection=connections["default"]):
        caller.get("/recommend/1")


@pytest.mark.parametrize(("name", "queries"), CASINO_QUERIES.items())
def test_a_recommendation_queries_the_casino_this_often(warm, django_assert_num_queries, name, queries):
    caller = warm(name)
    with django_assert_num_queries(queries, connection=connections["casino_1"]):
        caller.get("/recommend/1")


@pytest.mark.parametrize("name", CASINO_QUERIES)
def test_a_recommendation_queries_no_other_casino(warm, casino_b, django_assert_num_queries, name):
    caller = warm(name)
    with django_assert_num_queries(0, connection=connections["casino_2"]):
        caller.get("/recommend/1")


@pytest.mark.parametrize("events", [1, 200])
def test_a_changed_offer_needs_no_further_query_however_much_changed(
    warm, casino_a, caller_a, django_assert_num_queries, events
):
    warm("static")
    with use_casino(casino_a.current):
        EventFactory.create_batch(events)
    with django_assert_num_queries(1, connection=connections["casino_1"]):
        caller_a.get("/recommend/1")


def test_purchase_queries_one_user_three_samples_and_stores_in_two_statements(
    warm, settings, caller_a, django_assert_num_queries
):
    settings.RECSYS_TEST_ENDPOINTS = True
    user, samples, savepoint, coupons, casino, release = 1, 3, 1, 1, 1, 1
    with django_assert_num_queries(
        user + samples + savepoint + coupons + casino + release, connection=connections["casino_1"]
    ):
        caller_a.post("/purchase/1")


@pytest.mark.parametrize(
    ("method", "queries", "casino_queries"),
    [("get", 1, 0), ("post", 4, 1)],  # a transaction, too; are there ids that are no int?
)
def test_config_queries_the_catalogue_and_once_the_ids(
    caller_a, example_configuration, django_assert_num_queries, method, queries, casino_queries
):
    caller_a.configure("static")
    arguments = [example_configuration] if method == "post" else []
    with (
        django_assert_num_queries(queries, connection=connections["default"]),
        django_assert_num_queries(casino_queries, connection=connections["casino_1"]),
    ):
        getattr(caller_a, method)("/config", *arguments)
